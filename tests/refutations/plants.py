"""What makes each experiment's claim false: one change of the program that it studies.

The experiment itself, the stage, the load generator and the judgement stay as they are. So an outcome other than refuted
means that the experiment's checks cannot see what they claim to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.planting import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """``what`` is changed, in words for a reader; ``fails`` is the figure whose check has to notice it."""

    what: str
    fails: str
    fault: Fault


PLANTS: dict[str, Plant] = {
    "native-pool-saturation": Plant(
        what="the pool does not queue: it has sixteen times the threads that it says",
        fails="most_waiting",
        fault=Fault(
            file="trio_lab/pools/native.py",
            right="        capacity=size,\n",
            wrong="        capacity=16 * size,\n",
        ),
    ),
    "native-pool-sizing": Plant(
        what="a call that should wait computes",
        fails="waiting_gain",
        fault=Fault(file="trio_lab/work.py", right="time.sleep(seconds)", wrong="hash_password(20_000)"),
    ),
    "blocked-loop": Plant(
        what="`/hash` computes on the loop",
        fails="pool_in_hashes",
        fault=Fault(
            file="trio_lab/servers/trio/lab.py",
            right="await self.native_pool.run(fn, *args, kind=kind, abandon_on_cancel=True)",
            wrong="fn(*args)",
        ),
    ),
    "starvation": Plant(
        what="the storm `checkpoint` awaits `checkpoint_if_cancelled`, which does not go through the scheduler",
        fails="sharing_in_storms",
        fault=Fault(
            file="trio_lab/servers/trio/storms.py",
            right='"checkpoint": trio.lowlevel.checkpoint,',
            wrong='"checkpoint": trio.lowlevel.checkpoint_if_cancelled,',
        ),
    ),
    "worker-offload": Plant(
        what="`/worker-hash` computes on the loop",
        fails="health_in_hashes",
        fault=Fault(
            file="trio_lab/http/lab.py",
            right="await self.in_worker(job.fn, *job.args, kind=job.kind)",
            wrong="job.fn(*job.args), 0.0",
        ),
    ),
    "impatient-clients": Plant(
        what="the guarded server has no bounds and no timeouts",
        fails="bulkhead_share",
        fault=Fault(file="trio_lab/config.py", right='return self.profile == "guarded"', wrong="return False"),
    ),
    "disconnect": Plant(
        what="the guarded server works on for clients that have left",
        fails="guarded_share",
        fault=Fault(
            file="trio_lab/servers/trio/lab.py",
            right="return nullcontext() if self.config.guarded else self.shields.shield()",
            wrong="return self.shields.shield()",
        ),
    ),
    "worker-scaling": Plant(
        what="the pool grows as soon as a job waits",
        fails="grown_some",
        fault=Fault(
            file="trio_lab/pools/scaling.py",
            right="return queued_jobs > MANY_QUEUED and loop_lag < LATE and cpu_is_available",
            wrong="return queued_jobs > 0",
        ),
    ),
    "separate-workloads": Plant(
        what="hashes go to the pool of the reports, although they have one of their own",
        fails="two_wait_in_reports",
        fault=Fault(
            file="trio_lab/servers/trio/lab.py",
            right="pool = self.report_pool if kind == REPORTS else self.worker_pool",
            wrong="pool = self.report_pool",
        ),
    ),
    "shared-pool-coupling": Plant(
        what="the slow calls are in the default limiter even when they should have a pool of their own",
        fails="lookup_own_in_calls",
        fault=Fault(
            file="trio_lab/http/routes.py",
            right='PoolJob(fn=wait, args=(seconds,), kind="wait") if pool == "own" else None',
            wrong="None",
        ),
    ),
    "callback-order": Plant(
        what="three tasks come to a lock in one pass, and not one after the other",
        fails="promised_with_more_orders",
        fault=Fault(
            file="trio_lab/subjects/order_trio.py",
            right="                await wait_all_tasks_blocked()  # it has come to the lock before the next one starts\n",
            wrong="",
        ),
    ),
    "http-stack-cost": Plant(
        what="the server on bare sockets, on Trio, goes through hypercorn and Quart",
        fails="trio_sockets_share",
        fault=Fault(
            file="trio_lab/subjects/stack/on_trio.py",
            right='"sockets": _serving(_sockets),',
            wrong='"sockets": partial(_hypercorn, app=asgi.with_one_route(QuartTrio(__name__))),',
        ),
    ),
    "blockers": Plant(
        what="the cure of the blocking hash computes on the loop",
        fails="most_felt_cured",
        fault=Fault(
            file="trio_lab/servers/trio/blockers.py",
            right='await lab.native_pool.run(hash_password, rounds, kind="hash", abandon_on_cancel=True)',
            wrong="hash_password(rounds)",
        ),
    ),
    "chunking": Plant(
        what="slices of time never end",
        fails="sliced_in_lists",
        fault=Fault(
            file="trio_lab/slices.py",
            right="        if perf_counter() >= self._until:\n",
            wrong="        if False:\n",
        ),
    ),
    "streaming": Plant(
        what="a body that should be read piece by piece is read as a whole",
        fails="health_p99_ratio",
        fault=Fault(
            file="trio_lab/servers/trio/ingest.py",
            right='(_buffered if mode == "buffer" else _streamed)',
            wrong="_buffered",
        ),
    ),
    "gil-convoy": Plant(
        what="jobs for a worker process run in a thread",
        fails="convoy_p99",
        fault=Fault(file="trio_lab/http/routes.py", right='in_process=where == "process"', wrong="in_process=False"),
    ),
    "many-small-steps": Plant(
        what="only 20 of the 2 000 tasks are runnable at once",
        fails="pass_in_steps",
        fault=Fault(
            file="trio_lab/subjects/small_steps.py",
            right="trio.CapacityLimiter(at_once or tasks)",
            wrong="trio.CapacityLimiter(20)",
        ),
    ),
    "offload-crossover": Plant(
        what="jobs for a worker process run in a thread",
        fails="thread_over_worker",
        fault=Fault(
            file="trio_lab/subjects/offload.py",
            right='"process": lambda steps: workers.run(spin, steps),',
            wrong='"process": lambda steps: threads.run(spin, steps),',
        ),
    ),
    "lag-detector": Plant(
        what="the lag detector wakes every 10 ms, and not once a second",
        fails="naive_recall",
        fault=Fault(file="trio_lab/loop/lag_detector.py", right="INTERVAL = 1.0\n", wrong="INTERVAL = 0.01\n"),
    ),
    "idle-connections": Plant(
        what="every connection has a buffer of 64 KB",
        fails="memory_each_kb",
        fault=Fault(
            file="trio_lab/servers/trio/connection.py",
            right="        self._reading = trio.CancelScope()\n",
            wrong="        self._reading, self._buffer = trio.CancelScope(), bytearray(65_536)\n",
        ),
    ),
    "unknown-patience": Plant(
        what="the default discipline believes that everybody waits for ever",
        fails="share_second",
        fault=Fault(
            file="trio_lab/admission/by_patience.py",
            right="in_time = self.learner.in_time(now)",
            wrong="in_time = inf",
        ),
    ),
    "overload": Plant(
        what="the default is first come, first served",
        fails="tenfold_share",
        fault=Fault(
            file="trio_lab/config.py",
            right='discipline: DisciplineName = "patience"',
            wrong='discipline: DisciplineName = "fifo"',
        ),
    ),
    "retry-storm": Plant(
        what="the guarded server has no bounds, no timeouts, and works on for clients that have left",
        fails="stock_after",
        fault=Fault(file="trio_lab/config.py", right='return self.profile == "guarded"', wrong="return False"),
    ),
    "noisy-tenant": Plant(
        what="the admission does not look at the tenants",
        fails="beside_p99",
        fault=Fault(
            file="trio_lab/asgi/admission.py",
            right="by_tenant=policy.tenant is not None,",
            wrong="by_tenant=False,",
        ),
    ),
    "adaptive-limit": Plant(
        what="the gate does not take the limit that was found",
        fails="from_many_share",
        fault=Fault(
            file="trio_lab/admission/gate.py",
            right="        if limit.limit != self._capacity:\n            self._set_capacity(limit.limit)\n",
            wrong="",
        ),
    ),
    "db-pool": Plant(
        what="slow queries have no bound, although they should",
        fails="bound_p99",
        fault=Fault(
            file="trio_lab/servers/trio/database.py",
            right="            shares=shares,\n",
            wrong="            shares=None,\n",
        ),
    ),
    "background-queue": Plant(
        what="`POST /jobs` answers when the job is done",
        fails="queued_in_hashes",
        fault=Fault(
            file="trio_lab/servers/trio/jobs.py",
            right='        return reply({"id": id}, 202, Location=f"/jobs/{id}")\n',
            wrong="        await (await app.lab.jobs.engine()).ended(id)\n"
            '        return reply({"id": id}, 202, Location=f"/jobs/{id}")\n',
        ),
    ),
}
