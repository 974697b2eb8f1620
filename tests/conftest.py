"""What all tests need of the process they run in."""

from __future__ import annotations

import signal

from hypothesis import Phase, settings

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None)
# A mutant must have the same outcome each time, and soon: which example is the smallest is of no interest.
settings.register_profile(
    "mutants", deadline=None, max_examples=6, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile("any machine")

# A shell's background job is started with Ctrl-C ignored, and what is ignored stays so in every program it starts: tests
# that interrupt one would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
