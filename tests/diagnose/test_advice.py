"""Unit: each rule has advice, in the same five parts, with Python that compiles."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import trio_lab
from trio_lab.diagnose import advice
from trio_lab.diagnose.advice import advice_of
from trio_lab.diagnose.prescribe import RULES

IDS = [rule.id for rule in RULES]
_CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_each_rule_has_advice_and_no_other_file_is_there() -> None:
    assert sorted(file.stem for file in Path(advice.__path__[0]).glob("*.md")) == sorted(IDS)


@pytest.mark.parametrize("finding", IDS)
def test_it_says_what_it_is_how_to_confirm_and_fix_it_and_when_not_to(finding: str) -> None:
    found = advice_of(finding)
    assert re.findall(r"^#+ .*", _CODE.sub("", found), re.MULTILINE)[1:] == [
        "## Confirm by hand",
        "## On Trio",
        "## On asyncio",
        "## When not to",
    ]
    assert all(len(line) <= 128 for line in found.splitlines())


@pytest.mark.parametrize("finding", IDS)
def test_its_code_compiles_and_names_what_there_is(finding: str) -> None:
    pieces = _CODE.findall(advice_of(finding))
    assert len(pieces) == 2
    for piece in pieces:
        compile(piece, finding, "exec")
        for name in re.findall(r"trio_lab\.(\w+)", piece):
            assert name in trio_lab.__all__
