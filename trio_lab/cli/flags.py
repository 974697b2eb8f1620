"""Options that several commands have: their flags, and their help where it is the same.

An option whose help depends on the command is described in that command's docstring.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

JsonFlag = Annotated[bool, Parameter(name="--json")]
"""``--json`` of a command that says itself what it prints."""

Json = Annotated[JsonFlag, Parameter(help="Print the result as JSON.")]

Out = Annotated[Path | None, Parameter(alias="-o")]

Junit = Annotated[Path | None, Parameter(help="File for the verdict as JUnit XML.")]

PORT_OF_NOTHING = "port is one of those that a program to start listens on; a URL has its own"
"""What is wrong with ``--port`` where nothing is started."""
