"""The fast lane against theory at length: `python -m tests.simulate.theory [REQUESTS]` (default: 4 million for one server).

One row for each number of servers and load: the simulated mean wait, Erlang C's, and the 99 % interval of the error over 25
replications. It fails if theory is outside an interval, or more than 2 % away at a load of 0.8. With more servers fewer
requests wait, and these come in clumps: so it takes up to three times as many requests.
"""

from __future__ import annotations

import sys
from time import process_time

from trio_lab.bench.peers.virtual_time import queue
from trio_lab.simulate.against_theory import against_theory

_REPLICATIONS = 25


def main(requests: int) -> int:
    failed = 0
    print("servers  load   simulated      theory   error    99 % interval     requests/s of CPU time")
    for load in (0.8, 0.95):
        for servers, times in ((1, 1), (4, 1), (16, 1.5), (64, 3)):
            began = process_time()
            found = against_theory(queue(servers, load), times * requests, _REPLICATIONS)
            assert found is not None
            speed = times * requests / (process_time() - began)
            right = found.holds and (load > 0.8 or abs(found.error) <= 0.02)
            failed += not right
            print(
                f"{servers:7} {load:5}  {found.simulated:10.6f}  {found.theory:10.6f}  {found.error:+6.2%}   "
                f"{found.low:+7.2%} … {found.high:+7.2%}   {speed:10,.0f}{'' if right else '  FAILED'}",
                flush=True,
            )
    return failed


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000)))
