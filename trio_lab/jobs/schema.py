"""The file that the SQLite engine keeps its jobs in.

Jobs that may begin (*ready*) and jobs that wait for their time (*scheduled*) are states of their own, each with an index of
its own rows alone: a claim then costs the same at a thousand waiting jobs and at a million. (With one index for both it grew
from 88 µs to 74 ms.) How many jobs wait and run is counted as they change, in one row: to count a million takes 28 ms. No
job is ever deleted, so ids only grow without AUTOINCREMENT, which costs 0.5 µs a job, and a page a transaction.

``worker`` is the name of the one that has a running job. When it has ended its try, the name is kept with the number of the
try: if the worker did not hear the answer, it tells the end again.
"""

from __future__ import annotations

import sqlite3

from ..errors import UsageError
from ..records.job import JobState

READY, SCHEDULED, RUNNING, SUCCEEDED, FAILED, DEAD, CANCELLED = range(7)

NAMES: tuple[JobState, ...] = ("queued", "queued", "running", "succeeded", "failed", "dead", "cancelled")
"""What each state is called outside."""

_VERSION = 1
_APPLICATION = 0x7472696F  # "trio": says that the file is ours

_TABLES = """
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    args TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    run_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    max_tries INTEGER NOT NULL,
    worker TEXT,
    lease_until REAL,
    cancelling INTEGER NOT NULL DEFAULT 0,
    progress REAL,
    result TEXT,
    error TEXT,
    created REAL NOT NULL
);
CREATE INDEX job_ready ON job (priority DESC, id) WHERE state = 0;
CREATE INDEX job_scheduled ON job (run_at) WHERE state = 1;
CREATE INDEX job_running ON job (lease_until) WHERE state = 2;
CREATE TABLE tally (
    waiting INTEGER NOT NULL,
    running INTEGER NOT NULL,
    arrivals INTEGER NOT NULL,
    completions INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    fenced INTEGER NOT NULL
);
INSERT INTO tally VALUES (0, 0, 0, 0, 0, 0, 0);
"""


def prepare(connection: sqlite3.Connection, *, synchronous: str) -> None:
    """Set a connection up, and make the tables in a new file. The caller holds the lock of the file.

    Raises:
        UsageError: the file belongs to another program, or to another version of this one.
        sqlite3.Error: it is no database, or cannot be written.
    """
    connection.execute("PRAGMA busy_timeout = 5000")  # for programs that read the file without our lock
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version) != (_APPLICATION, _VERSION) and (application, version, tables) != (0, 0, 0):
        raise UsageError("the file holds no jobs of this version: it is another program's, or of another version")
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    if not tables:
        marks = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {_VERSION};"
        connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} {marks} COMMIT;")
