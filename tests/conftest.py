"""What all tests need of the process they run in."""

from __future__ import annotations

import signal

# A shell's background job is started with Ctrl-C ignored, and what is ignored stays so in every program it starts: tests
# that interrupt one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
