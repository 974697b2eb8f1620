"""What can be done to the jobs in a file, as plain functions on a connection: no loop, no thread, and time is an argument.

Times are seconds of the system's clock, for several processes and another start of the machine have to agree on them. Should
the clock jump, a lease ends early or late: then a job may run twice, and the fence lets one of its ends count.

What many callers ask for at once is done together: their claims by one query. Of 64 jobs each then costs 10 µs in SQLite, from
its submission to its end.

Traps of SQLite that are met here: a statement whose rows are not all fetched keeps the lock of the file. A claim by `UPDATE …
WHERE id IN (SELECT …) RETURNING` makes two temporary tables, with 90 KB of memory each. Whether `malloc` gives that back to the
system each time depends on what the program has allocated before: if it does, such a claim costs 35 to 90 µs, nearly all of it
page faults. To find the jobs first, and then to change each by its id, costs 3.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ..records.job import JobRecord, JobState
from .contract import Claimed, Lease, NewJob
from .counted import Tally
from .jsons import read_json
from .schema import CANCELLED, DEAD, FAILED, NAMES, READY, RUNNING, SCHEDULED, SUCCEEDED

_WORKER_LOST = "its worker was lost: the lease ran out before the job ended"
_RECORD = "SELECT id, name, args, state, tries, max_tries, created, progress, run_at, result, error FROM job"
_INSERT = """
INSERT INTO job (name, args, priority, state, run_at, max_tries, created) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_NEXT = f"""
SELECT id, name, args, tries + 1, max_tries FROM job WHERE state = {READY} ORDER BY priority DESC, id LIMIT ?
"""
_TAKE = f"""
UPDATE job SET state = {RUNNING}, tries = tries + 1, worker = ?, lease_until = ?, progress = NULL WHERE id = ?
"""
_HELD = f"id = ? AND state = {RUNNING} AND tries = ? AND worker = ?"
_LEAVE = "worker = worker || ' ' || tries, lease_until = NULL"
_TOLD = f"SELECT 1 FROM job WHERE id = ? AND state != {RUNNING} AND worker = ? || ' ' || ?"
_FINISH = f"UPDATE job SET state = {SUCCEEDED}, result = ?, error = NULL, progress = NULL, {_LEAVE} WHERE {_HELD}"
_EXPIRE = f"""
UPDATE job SET worker = NULL, lease_until = NULL, cancelling = 0, error = '{_WORKER_LOST}',
    state = CASE WHEN cancelling THEN {CANCELLED} WHEN tries < max_tries THEN {READY} ELSE {DEAD} END
WHERE state = {RUNNING} AND lease_until <= ? RETURNING state
"""

NOT_STORED = (
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    UnicodeError,
)
"""A value cannot be stored. The statement has had no effect, and the transaction is still whole."""


_COUNTS = tuple(Tally.__slots__)
_COUNT = f"SELECT {', '.join(_COUNTS)} FROM tally"
_ADD = f"UPDATE tally SET {', '.join(f'{name} = {name} + ?' for name in _COUNTS)}"


Row = tuple[str, str, int, int, float | None, int, float]
"""A new job as it is written."""


Ready = tuple[int, str, str, int, int]
"""A job that may begin: its id, name, arguments, the number of its next try, and how many it may have."""
End = tuple[str, int, int, str]
"""How a job has ended: the result as JSON, and the `key` of the job."""
Ended = tuple[bool, Claimed | None]
"""Whether an end has counted, and the job that its worker does next."""


def new_row(job: NewJob, args: str, now: float) -> Row:
    """``args`` is JSON."""
    due = job.due(now)
    return job.name, args, job.priority, READY if due is None else SCHEDULED, due, job.max_tries, now


class Table:
    """The jobs of one file. Its owner begins and commits transactions, and calls `begun` and `ending` in each.

    ``bound`` is how many jobs may wait, None for any number.
    """

    def __init__(self, connection: sqlite3.Connection, *, bound: int | None) -> None:
        self._run = connection.execute
        self._cursor = connection.cursor()  # for many jobs: one for each would cost a quarter more
        self._bound = bound
        self._change = Tally()
        self.rung = 0
        """Jobs that the transaction has made ready: if there are any, idle workers are woken."""

    # The transaction.

    def begun(self) -> None:
        """A transaction has begun."""
        self._change, self.rung = Tally(), 0

    def ending(self) -> None:
        """It is about to be committed: write what it changes in the counts."""
        change = tuple(getattr(self._change, name) for name in _COUNTS)
        if any(change):
            self._run(_ADD, change)

    def tally(self) -> Tally:
        """The counts as of the last commit."""
        row = self._run(_COUNT).fetchone()
        if row is None:
            raise sqlite3.DatabaseError("the file is damaged: it has no counts")
        return Tally(*row)

    # Submitting.

    def submit(self, asked: Sequence[Row]) -> list[int | Exception | None]:
        """The ids of the new jobs; None for each that came when as many waited as may wait."""
        room = math.inf if self._bound is None else self._bound - self.tally().waiting - self._change.waiting
        insert, kept = self._cursor.execute, 0
        found: list[int | Exception | None] = []
        for row in asked:
            if kept >= room:
                found.append(None)
                continue
            try:
                found.append(insert(_INSERT, row).lastrowid)
            except NOT_STORED as error:
                found.append(error)
            else:
                kept += 1
                self.rung += row[3] == READY
        self._change.waiting += kept
        self._change.arrivals += kept
        return found

    def cancel(self, id: int, now: float) -> None:
        """Cancel a job that waits. One that runs is marked: its worker hears of it when it renews the lease."""
        ended = self._count(f"UPDATE job SET state = {CANCELLED} WHERE id = ? AND state IN ({READY}, {SCHEDULED})", id)
        self._change.waiting -= ended
        self._change.cancelled += ended
        if not ended:
            self._run(f"UPDATE job SET cancelling = 1 WHERE id = ? AND state = {RUNNING}", (id,))

    def retry(self, id: int, now: float) -> None:
        """Queue a job again that has ended without success."""
        words = "tries = 0, cancelling = 0, error = NULL, run_at = NULL, progress = NULL, worker = NULL"
        ended = (FAILED, DEAD, CANCELLED)
        again = self._count(f"UPDATE job SET state = {READY}, {words} WHERE id = ? AND state IN {ended}", id)
        self._change.waiting += again
        self._change.arrivals += again
        self.rung += again

    # Working.

    def claim(self, asked: Sequence[tuple[int, str, float]], now: float) -> list[list[Claimed] | Exception]:
        """How many, for whom, and for how many seconds. Ready jobs, the most urgent first and then the oldest."""
        ready = self._ready(sum(most for most, _, _ in asked), now)
        found: list[list[Claimed] | Exception] = []
        for most, worker, lease in asked:
            try:
                found.append([self._take(row, worker, now + lease) for row in islice(ready, most)])
            except NOT_STORED as error:
                found.append(error)
        return found

    def _ready(self, most: int, now: float) -> Iterator[Ready]:
        self.look_at_the_clock(now)
        return iter(self._run(_NEXT, (most,)).fetchall())

    def _take(self, row: Ready, worker: str, until: float) -> Claimed:
        id, name, args, tries, max_tries = row
        self._cursor.execute(_TAKE, (worker, until, id))
        self._change.waiting -= 1
        self._change.running += 1
        return Claimed(id=str(id), name=name, args=read_json(args), tries=tries, max_tries=max_tries, worker=worker)

    def look_at_the_clock(self, now: float) -> None:
        """Scheduled jobs whose time has come are ready, and jobs whose lease has run out are taken from their workers."""
        due = self._run(f"SELECT min(run_at) FROM job WHERE state = {SCHEDULED}").fetchone()[0]
        if due is not None and due <= now:
            words = f"state = {READY}, run_at = NULL"
            self.rung += self._run(f"UPDATE job SET {words} WHERE state = {SCHEDULED} AND run_at <= ?", (now,)).rowcount
        until = self._run(f"SELECT min(lease_until) FROM job WHERE state = {RUNNING}").fetchone()[0]
        if until is None or until > now:
            return
        for (state,) in self._run(_EXPIRE, (now,)).fetchall():
            self._change.lost += 1
            self.rung += state == READY
            self._ended(state)

    def next_due(self) -> float | None:
        """When the next scheduled job is due or the next lease runs out, None without any."""
        row = self._run(
            f"SELECT (SELECT min(run_at) FROM job WHERE state = {SCHEDULED}),"
            f" (SELECT min(lease_until) FROM job WHERE state = {RUNNING})"
        ).fetchone()
        return min((time for time in row if time is not None), default=None)

    def renew(self, held: Sequence[tuple[Claimed, float | None]], now: float, lease: float) -> list[Lease]:
        """Whether each job is still held, and is to be ended."""
        found = []
        for job, progress in held:
            words = "lease_until = ?, progress = coalesce(?, progress)"
            rows = self._run(
                f"UPDATE job SET {words} WHERE {_HELD} RETURNING cancelling", (now + lease, progress, *key(job))
            ).fetchall()
            found.append(Lease(held=bool(rows), cancelling=bool(rows and rows[0][0])))
        return found

    def finish(self, asked: Sequence[End]) -> list[bool | Exception]:
        """Whether each end has counted, now or when it was told before."""
        found: list[bool | Exception] = []
        ended = 0
        for row in asked:
            try:
                counts = self._cursor.execute(_FINISH, row).rowcount
            except NOT_STORED as error:
                found.append(error)
            else:
                ended += counts
                found.append(counts == 1 or self._told(*row[1:]))
        self._change.running -= ended
        self._change.completions += ended
        return found

    def finish_and_claim(self, asked: Sequence[tuple[End, float]], now: float) -> list[Ended | Exception]:
        """End jobs, and claim for the worker of each the next one. Each end comes with the seconds of the next job's lease."""
        ends = self.finish([end for end, _ in asked])
        ready = self._ready(len(asked), now)
        found: list[Ended | Exception] = []
        for counted, (end, lease) in zip(ends, asked, strict=True):
            if isinstance(counted, Exception):
                found.append(counted)
            else:  # the name of the worker can be stored, for the job that has ended was claimed by it
                row = next(ready, None)
                found.append((counted, None if row is None else self._take(row, end[3], now + lease)))
        return found

    def fail(self, job: Claimed, error: str, now: float, again_in: float | None) -> bool:
        state, due = FAILED, None
        if again_in is not None:
            state, due = (SCHEDULED, now + again_in) if job.tries < job.max_tries else (DEAD, None)
        if self._is_cancelling(job):
            state, due = CANCELLED, None
        words = f"state = {state}, error = ?, run_at = ?, cancelling = 0"
        return self._end(job, state, words, error, due)

    def give_back(self, job: Claimed, *, cancelled: bool) -> bool:
        state = CANCELLED if cancelled or self._is_cancelling(job) else READY
        words = f"state = {state}, tries = tries - {int(state == READY)}, cancelling = 0"
        self.rung += state == READY
        return self._end(job, state, words)

    def _is_cancelling(self, job: Claimed) -> bool:
        """Somebody has cancelled it, and its worker has not heard of it before this try ended."""
        return bool(self._run(f"SELECT 1 FROM job WHERE {_HELD} AND cancelling", key(job)).fetchall())

    def _end(self, job: Claimed, state: int, words: str, *values: Any) -> bool:
        """A try has ended. Whether its end has counted, now or when it was told before."""
        if not self._run(f"UPDATE job SET {words}, {_LEAVE} WHERE {_HELD}", (*values, *key(job))).rowcount:
            return self._told(*key(job))
        self._ended(state)
        return True

    def _told(self, id: int, tries: int, worker: str) -> bool:
        """Whether this worker has ended this try before. If not, its lease had run out: the fence."""
        told = bool(self._run(_TOLD, (id, worker, tries)).fetchall())
        self._change.fenced += not told
        return told

    def _ended(self, state: int) -> None:
        """A running job is now in this state."""
        change = self._change
        change.running -= 1
        change.waiting += state in (READY, SCHEDULED)
        change.completions += state in (SUCCEEDED, FAILED, DEAD, CANCELLED)

    def _count(self, statement: str, *values: Any) -> int:
        return self._run(statement, values).rowcount

    # Telling.

    def get(self, id: int, now: float) -> JobRecord | None:
        row = self._run(f"{_RECORD} WHERE id = ?", (id,)).fetchone()
        return None if row is None else _record(row, now)

    def jobs(self, now: float, *, state: JobState | None, name: str | None, limit: int) -> list[JobRecord]:
        """The newest first. With a state or a name that are rare, all jobs may have to be looked at."""
        states = [number for number, called in enumerate(NAMES) if state in (None, called)]
        where = f"WHERE state IN ({', '.join(map(str, states))}) AND coalesce(?, name) = name"
        rows = self._run(f"{_RECORD} {where} ORDER BY id DESC LIMIT ?", (name, limit)).fetchall()
        return [_record(row, now) for row in rows]


def key(job: Claimed) -> tuple[int, int, str]:
    """What the fence asks for."""
    return int(job.id), job.tries, job.worker


def _record(row: tuple[Any, ...], now: float) -> JobRecord:
    id, name, args, state, tries, max_tries, created, progress, run_at, result, error = row
    return JobRecord(
        id=str(id),
        job=name,
        args=read_json(args),
        state=NAMES[state],
        tries=tries,
        max_tries=max_tries,
        age=max(0.0, now - created),
        progress=progress,
        due_in=max(0.0, run_at - now) if state == SCHEDULED else None,
        result=None if result is None else read_json(result),
        error=error,
    )
