"""Every rule is asked, and the findings of the earliest step are offered.

The order of fixes matters: a wider pool does nothing for a loop that is blocked, and its effect cannot be measured before
the loop is put right. So a later step is named, and offered only when the earlier ones are clean.
"""

from __future__ import annotations

from ..catalog import found_in
from ..records.diagnosis import Finding, Fix
from . import rules
from .onset import UNSEEN
from .rule import Rule
from .signals import Signals

RULES: tuple[Rule, ...] = tuple(sorted(found_in(rules, "RULE"), key=lambda rule: (rule.step, rule.id)))

# How a missing figure is called in a sentence.
UNSEEN_FIGURES = {
    "kind": "which queue fills (no view inside the service)",
    "service_ratio": "how long the first queue serves, with load and without",
    "capacity": "the size of the queue that fills",
    "bounded": "whether the queue that fills has a bound",
    "cores": "how many cores the service may use",
    "loop_rest": "what the loop does without load",
    "loop_full": "how busy the loop is",
    "pass_p50": "how long the loop's passes are",
    "long_pass": "how long the loop's passes are",
    "passes_per_request": "how many passes of the loop a request takes",
    "cpu_full": "the CPU time of the service",
    "run_delay_full": "how long its threads wait for a CPU",
    "loop_delay": "how long the loop waits for a CPU",
    "jobs_cpu": "how much CPU time its threads and processes want",
    "gil_wait": "how long the loop waits for the GIL",
    "throttled": "whether a CPU quota stops the service",
    "stolen": "whether the host takes its cores away",
    "gc_share": "the time of garbage collections",
    "descriptors_share": "how many descriptors are open",
    "backlog_share": "how full the accept backlog is",
    "stall_cause": "at which line the loop stalls, and why",
    "stall_coroutines": "in how many coroutines the long passes are",
    "stall_awaits": "whether a stall is one line or many awaits that let no other task run",
    "grows": "whether anything grows (no whole round)",
    "failed_share": "how many requests fail under too much load",
    "decline": "whether the rate of replies falls under too much load",
}


def prescribe(signals: Signals) -> tuple[tuple[Finding, ...], tuple[str, ...], tuple[str, ...]]:
    """The findings of the earliest step, the ids of later ones, and what could not be seen."""
    held = [rule for rule in RULES if rule.explains(signals)]
    first = min((rule.step for rule in held), default=0)
    offered = tuple(_finding(rule, signals) for rule in held if rule.step == first)
    later = tuple(rule.id for rule in held if rule.step > first)
    return offered, later, blind_to(signals)


def blind_to(signals: Signals) -> tuple[str, ...]:
    """Figures that the possible rules need and do not have. While the first queue is not known, every rule is possible."""
    asked = [rule for rule in RULES if signals.kind == UNSEEN or rule.possible(signals)]
    missing = [name for rule in asked for name in (*rule.missing(signals), *rule.unseen(signals))]
    return tuple(dict.fromkeys(UNSEEN_FIGURES[name] for name in missing))


def _finding(rule: Rule, signals: Signals) -> Finding:
    figures = {name: getattr(signals, name) for name in dict.fromkeys((*rule.needs, *rule.either, *rule.figures))}
    return Finding(
        id=rule.id,
        step=rule.step,
        because=rule.because(signals),
        figures={name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()},
        doubt=rule.doubt,
        fix=Fix(says=rule.fix, setting=rule.setting(signals)),
    )
