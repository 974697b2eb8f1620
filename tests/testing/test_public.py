"""The names in `trio_lab.testing`: there when they are used, known to type checkers, and of no cost to runs of pytest that do
not use them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import trio_lab.testing


def test_every_name_is_there_and_known_to_type_checkers() -> None:
    tree = ast.parse(Path(trio_lab.testing.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed == set(trio_lab.testing.__all__)
    assert all(getattr(trio_lab.testing, name) for name in typed)
    assert not hasattr(trio_lab.testing, "no_such_name")


def test_the_package_imports_no_event_loop() -> None:
    program = "import sys, trio_lab.testing; sys.exit(not {'trio', 'asyncio'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
