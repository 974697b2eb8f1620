"""`python -m trio_lab`, the same as the `trio-lab` command."""

from .cli import main

if __name__ == "__main__":
    main()
