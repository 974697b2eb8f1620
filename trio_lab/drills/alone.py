"""One function in a process of its own: ``python -m trio_lab.drills.alone module:function JSON FILE``.

What dies, leaks or hangs in there harms nobody, and what is counted in there is nobody else's. The figures go to the
file, for what is printed may be part of the fault. It ends by `os._exit`: some of the twins cannot be closed any more
once they have met their fault.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from pathlib import Path


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(module), name)
    arguments = json.loads(sys.argv[2])
    if inspect.iscoroutinefunction(function):
        import trio

        figures = trio.run(lambda: function(**arguments))
    else:
        figures = function(**arguments)
    Path(sys.argv[3]).write_text(json.dumps(figures))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
