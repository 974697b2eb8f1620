"""Files that are never half written: the new one is written under another name and moved into place.

A device or a pipe (/dev/null, /dev/stdout) is written to as it is: a move would put a file in its place.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from trio_lab.errors import UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Replace ``path`` as a whole. The new file is written beside it, as a move is atomic only within a file system.

    Raises:
        UsageError: it cannot be written.
    """
    temporary: str | None = None
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # mkstemp lets only its owner read it; a report is there to be shown
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
