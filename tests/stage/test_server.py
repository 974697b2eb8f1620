"""A server that is measured is what its command says, whatever variables are set."""

from __future__ import annotations

import os
import sys

import pytest

from trio_lab.stage.server import serving

_TELLS = """
import json, os, sys
print(json.dumps({"url": [os.environ.get(name) for name in sys.argv[1:]]}), flush=True)
sys.stdin.read()
"""
_NAMES = ("TRIO_LAB_THREADS", "TRIO_LAB_JOBS", "TRIO_LAB_DATABASE", "OTHER")


@pytest.mark.parametrize("given", [False, True])
async def test_it_takes_no_variable_but_that_of_the_database(given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _NAMES:
        monkeypatch.setenv(name, "7")
    env = dict(os.environ) if given else None
    async with serving([sys.executable, "-S", "-c", _TELLS, *_NAMES], env=env) as server:
        assert server.url == str([None, None, "7", "7"])
