"""`trio-lab completion`."""

from __future__ import annotations

from typing import Literal


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the completion script of a shell.

    For bash: `eval "$(trio-lab completion bash)"`, in `.bashrc` if it is to stay.

    Parameters
    ----------
    shell
        The shell that will read the script.
    """
    from .command import app

    print(app.generate_completion(shell=shell))
