"""What a supervisor does next, decided from what has happened to its processes. Pure: the time is an argument.

Each of the *numbers* 1…N has a process that serves. While it is replaced in a rolling restart it has two: the new one starts,
the old one serves until the new one is ready, and then ends. A process goes through these states:

========  ==========================================  =================================================
state     means                                       and then
========  ==========================================  =================================================
starting  its program was started                     serving, when it says so; killed if that takes long
serving   it accepts connections                      ending, when it is replaced or all of them end
ending    it was told to end                          killed, if it has not ended when its time is over
========  ==========================================  =================================================

- A process that ends unasked is replaced. When is decided by the restart budget of worker pools (`pools.restart`): at once
  if it had served for a while, else later and later, and not too often.
- A process that cannot be started ends the service if nothing has ever served, or if nothing serves and the budget's breaker
  is open. What runs is never ended because something else cannot be started.
- A rolling restart goes on to the next number when the old process has ended, so there is never more than one process too
  many. If a new process does not become ready the restart ends there, and the old ones go on.
- Once the service ends nothing is started any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from ...pools.restart import RestartBudget, RestartPolicy
from .actions import Action, Death, End, Kill, Over, Say, Start

State = Literal["starting", "serving", "ending"]
_SPARE = 5.0  # seconds that a process may take to end on top of the grace period: its workers, its files


@dataclass(slots=True, kw_only=True, eq=False)
class Process:
    """One life of one process."""

    life: int
    number: int
    place: int
    began: float
    deadline: float
    """When it is killed."""
    state: State = "starting"
    pid: int | None = None
    serving_since: float = inf
    instead: str = ""
    """What is to be said when its pid is known, up to the pid."""
    late: bool = False
    """It was killed because it was not ready in time."""

    def __str__(self) -> str:
        return f"process {self.number} (pid {self.pid})"


@dataclass(slots=True, kw_only=True, eq=False)
class _Number:
    """``main`` serves, or will; ``new`` is to replace it; ``old`` was replaced and has not ended. ``due`` is when a process is
    started, if there is none."""

    main: Process | None = None
    new: Process | None = None
    old: Process | None = None
    due: float = inf
    instead: str = ""

    def all(self) -> list[Process]:
        return [process for process in (self.main, self.new, self.old) if process is not None]


@dataclass(slots=True, eq=False)
class Supervision:
    """``count`` processes. ``grace`` is how long one may take to end, ``start_time`` to become ready, both in seconds."""

    count: int
    grace: float
    start_time: float = 60.0
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    restarts: int = field(default=0, init=False)
    """How many processes have been started in place of one that ended unasked."""
    _numbers: dict[int, _Number] = field(init=False)
    _budget: RestartBudget = field(init=False)
    _lives: int = field(default=0, init=False)
    _has_served: bool = field(default=False, init=False)
    _asked: int = field(default=0, init=False)  # how often it was told to end
    _reason: Over = field(default_factory=Over, init=False)
    _roll: deque[int] = field(default_factory=deque, init=False)  # numbers whose process is still to be replaced
    _fresh: int = field(default=0, init=False)  # lives from this one on need no replacement
    _again: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._numbers = {number: _Number() for number in range(1, self.count + 1)}
        self._budget = RestartBudget(self.policy)

    def processes(self) -> list[Process]:
        """All that live or are about to."""
        return [process for number in self._numbers.values() for process in number.all()]

    @property
    def all_serve(self) -> bool:
        return all(one.main is not None and one.main.state == "serving" for one in self._numbers.values())

    @property
    def is_ending(self) -> bool:
        return self._asked > 0

    @property
    def next_wake(self) -> float:
        """When `wake` is to be called; infinite if there is nothing to wait for."""
        dues = (one.due for one in self._numbers.values())
        return min([*dues, *(process.deadline for process in self.processes())])

    # What happens.

    def begin(self, now: float) -> list[Action]:
        """The first call: start them all."""
        return [self._start_main(number, now) for number in self._numbers]

    def spawned(self, life: int, pid: int, now: float) -> list[Action]:
        process = self._process(life)
        process.pid = pid
        if process.state == "ending":  # it was told so while it had no pid
            return [End(life)]
        if process.instead:
            return [Say(f"{process.instead} {pid}")]
        return []

    def ready(self, life: int, now: float) -> list[Action]:
        """It accepts connections."""
        process, one = self._process(life), self._number_of(life)
        if process.state != "starting":
            return []
        process.state, process.serving_since, process.deadline = "serving", now, inf
        self._has_served = True
        said: list[Action] = []
        if process is one.new:
            old, one.main, one.new = one.main, process, None
            assert old is not None
            one.old = old
            said = [Say(f"{process} serves instead of pid {old.pid}"), self._end(old, now, alone=True)]
        return [*said, *self._go_on(now)]

    def ended(self, life: int, death: Death, now: float) -> list[Action]:
        """It has ended, or could not be started at all."""
        process, one = self._process(life), self._number_of(life)
        if self._asked:
            self._forget(one, process)
            return [] if self.processes() else [self._reason]
        if process is one.old:
            one.old = None
            return self._go_on(now)
        if process is one.new:
            one.new = None
            self._roll.clear()
            self._again = False
            told = f"a new process {process.number} {self._how(process, death)} before it was ready"
            return [Say(f"{told}; the restart ends here, and the processes that run go on")]
        return self._lost(one, process, death, now)

    def reload(self, now: float) -> list[Action]:
        """Replace all processes, one after the other. During a restart: once more when it is over."""
        if self._asked:
            return []
        if self._roll:
            self._again = True
            return [Say("the processes are being restarted; they will be once more after that")]
        self._roll.extend(self._numbers)
        self._fresh = self._lives + 1
        return [Say("restarting the processes, one after the other"), *self._go_on(now)]

    def stop(self, now: float) -> list[Action]:
        """End the service. The second time without a grace period, the third time at once."""
        self._asked += 1
        self._roll.clear()
        self._again = False
        for one in self._numbers.values():
            one.due = inf
        living = self.processes()
        if not living:
            return [self._reason]
        if self._asked > 2:
            return [Kill(process.life) for process in living]
        if self._asked == 1:
            living = [process for process in living if process.state != "ending"]
        return [self._end(process, now) for process in living]

    def wake(self, now: float) -> list[Action]:
        """Start what is due, and kill what has not done in time what it was to do."""
        actions: list[Action] = []
        for number, one in self._numbers.items():
            if one.due <= now:
                actions.append(self._restart(number, now))
            for process in one.all():
                if process.deadline <= now:
                    process.deadline = inf
                    process.late = process.state == "starting"
                    what = "was not ready" if process.late else "has not ended"
                    actions += [Say(f"{process} {what} in time and is killed"), Kill(process.life)]
        return actions

    # What follows.

    def _start_main(self, number: int, now: float) -> Start:
        start, process = self._new(number, now)
        self._numbers[number].main = process
        return start

    def _new(self, number: int, now: float) -> tuple[Start, Process]:
        one = self._numbers[number]
        one.due = inf
        self._lives += 1
        taken = {process.place for process in one.all()}
        place = 0 if 0 not in taken else 1
        process = Process(
            life=self._lives, number=number, place=place, began=now, deadline=now + self.start_time, instead=one.instead
        )
        one.instead = ""
        return Start(process.life, number, place), process

    def _restart(self, number: int, now: float) -> Start:
        self._budget.started(now)
        self.restarts += 1
        return self._start_main(number, now)

    def _lost(self, one: _Number, process: Process, death: Death, now: float) -> list[Action]:
        """The process that served, or was to, has ended unasked."""
        one.main, one.new = one.new, None
        said = f"{process} {self._how(process, death)}" if process.pid else f"process {process.number} {death}"
        if now - process.serving_since >= self.policy.pace:
            self._budget.proved()
        else:
            self._budget.died(now, process.began)
        if not self._has_served and death.error:
            return self._give_up(Over(death.error, death.usage), now)
        if self._budget.open and not any(self._may_serve()):
            return self._give_up(Over(f"no process can be kept alive: {said}"), now)
        if one.main is not None:  # a new one was starting in any case
            return [Say(f"{said}; pid {one.main.pid} is about to serve instead"), *self._go_on(now)]
        one.instead = f"{said}; started again as pid"
        one.due = max(now, self._budget.next_start(now))
        if one.due <= now:
            return [self._restart(process.number, now), *self._go_on(now)]
        one.instead = f"process {process.number} is started again as pid"
        return [Say(f"{said}; it is started again in {one.due - now:.1f} s"), *self._go_on(now)]

    def _how(self, process: Process, death: Death) -> str:
        return "was killed because it was not ready in time" if process.late else str(death)

    def _may_serve(self) -> Iterator[Process]:
        return (process for process in self.processes() if process.state != "ending")

    def _give_up(self, reason: Over, now: float) -> list[Action]:
        self._reason = reason
        return self.stop(now)

    def _end(self, process: Process, now: float, *, alone: bool = False) -> End:
        grace = 0.0 if self._asked > 1 or process.state == "starting" else self.grace
        process.state, process.deadline = "ending", now + grace + _SPARE
        return End(process.life, alone)

    def _go_on(self, now: float) -> list[Action]:
        """The next step of a rolling restart, if there is one and the last one is over."""
        while self._roll and not any(one.new or one.old for one in self._numbers.values()):
            number = self._roll[0]
            main = self._numbers[number].main
            if main is not None and main.state == "starting":
                return []  # replaced meanwhile, or about to be; fewer should not serve because of us
            self._roll.popleft()
            if main is not None and main.life < self._fresh:
                start, self._numbers[number].new = self._new(number, now)
                self._roll.appendleft(number)
                return [start]
            if not self._roll:
                return self._rolled(now)
        return []

    def _rolled(self, now: float) -> list[Action]:
        said: list[Action] = [Say("all processes are restarted")]
        if self._again:
            self._again = False
            return [*said, *self.reload(now)]
        return said

    def _forget(self, one: _Number, process: Process) -> None:
        for role in ("main", "new", "old"):
            if getattr(one, role) is process:
                setattr(one, role, None)

    def _number_of(self, life: int) -> _Number:
        return next(one for one in self._numbers.values() if any(process.life == life for process in one.all()))

    def _process(self, life: int) -> Process:
        return next(process for process in self.processes() if process.life == life)
