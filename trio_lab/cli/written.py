"""The files that a load writes beside what it prints. They are opened before it begins, so a mistake is told at once; what they
hold is replaced only when there is something to write."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..load.hgrm import as_hgrm
from ..load.results import LoadRun
from ..load.table import as_csv


class Written:
    def __init__(self, *, csv: Path | None, hdr: Path | None) -> None:
        """
        Raises:
            UsageError: a file cannot be written, or both are the same one.
        """
        self._csv, self._hdr = csv, hdr
        if csv is not None and csv == hdr:
            raise UsageError("--csv and --hdr exclude each other for the same file")
        for name, file in (("csv", csv), ("hdr", hdr)):
            if file is not None:
                try:
                    file.open("a").close()
                except OSError as error:
                    raise UsageError(f"{name} {str(file)!r} cannot be written: {error.strerror or error}") from None

    def write(self, run: LoadRun) -> None:
        if self._csv is not None:
            self._csv.write_text(as_csv(run.result))
        if self._hdr is not None:
            self._hdr.write_text(as_hgrm(run.latency))
