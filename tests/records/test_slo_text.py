"""Objectives as they are written: what is read, and that every mistake is one line that names its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_lab.errors import UsageError
from trio_lab.records.slo import FIGURES, Objective, SloResult
from trio_lab.records.slo_text import parse_toml, read_slo

Read = tuple[str, str, float, str]


def read(objectives: tuple[Objective, ...]) -> list[Read]:
    return [(one.figure, one.relation, one.bound, one.unit) for one in objectives]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("p99<200ms,ok>99%", [("p99", "<", 200, "ms"), ("ok", ">", 99, "%")]),
        (" p50 <= 1.5 s , goodput >= 80 ", [("p50", "<=", 1500, "ms"), ("goodput", ">=", 80, "/s")]),
        ("p99.9<300US", [("p99_9", "<", 0.3, "ms")]),
        ("throughput>10/s,", [("throughput", ">", 10, "/s")]),
        ("blocked-loop.health_p99_ms>25", [("blocked-loop.health_p99_ms", ">", 25, "")]),
        ("pool<90%,defaults", [("pool", "<", 90, "%")]),
    ],
)
def test_a_line_is_read(line: str, expected: list[Read]) -> None:
    found = read(read_slo(line))
    assert set(expected) <= set(found)
    assert len(found) == (5 if "defaults" in line else len(expected))


def test_the_defaults_are_the_usual_targets() -> None:
    assert read(read_slo("defaults")) == read(parse_toml("defaults = true"))
    assert {one.claim for one in read_slo("defaults")} >= {"loop_delay_p99 < 50ms", "pool < 80%", "memory < 70%"}


def test_a_file_says_the_same_as_a_line(tmp_path: Path) -> None:
    file = tmp_path / "slo.toml"
    file.write_text('# ours\np99.9 = "< 1s"\nok = ">99%"\n[blocked-loop]\nhealth_p99_ms = "> 25"\n')
    assert read_slo(str(file)) == read_slo("p99.9 < 1s, ok > 99%, blocked-loop.health_p99_ms > 25")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p9<1ms", "slo 'p9<1ms': unknown figure 'p9'; did you mean p99"),
        ("gooput>1", "did you mean goodput"),
        ("latency<3ms", "known are p50, p90"),
        ("p99<200", "the target has no unit; write it like 200ms"),
        ("ok>0.99", "the target has no unit; write it like 99%"),
        ("p99<5%", "the target has the unit '%'"),
        ("p99>200ms", "p99 is better when it is lower; the target must begin with <"),
        ("ok<99%", "ok is better when it is higher"),
        ("p99<", "a target must be like"),
        ("p99<-5ms", "a target must be like"),
        ("p99<5ms,p99<6ms", "two targets for p99"),
        ("p99<5ms,p99", "slo 'p99': a target must be like"),
        ("a.b<5ms", "without 'ms'"),
        (",<,", "unknown figure ''"),
        ("no/such.toml", "slo 'no/such.toml' cannot be read: No such file"),
        ("/", "cannot be read: Is a directory"),
    ],
)
def test_a_mistake_in_a_line_is_named(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_slo(line)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("p99 = 200", "slo.toml: p99: a target must be like"),
        ("[p99]\nx = 3", "slo.toml: p99.x: a target must be like"),
        ("p99 = '<5ms'\nok =", "slo.toml: Invalid value (at line 2"),
        ("p99 = '<5ms'\np99 = '<5ms'", "at line 2"),
        (f"p99 = '<{'9' * 400}ms'", "slo.toml: p99: the target 9999999999999999999… is too large"),
        ("defaults = 1", "slo.toml: defaults: must be true or false, not '1'"),
        ("", "slo.toml: there is no objective"),
        ("defaults = false", "slo.toml: there is no objective"),
        ("'p99.9' = '<1s'\np99_9 = '<2s'", "slo.toml: p99_9: there are two targets"),
        ("poool = '<5%'", "slo.toml: poool: unknown figure 'poool'; did you mean pool"),
    ],
)
def test_a_mistake_in_a_file_is_named(content: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_toml(content)
    assert said in str(caught.value)


def test_a_file_of_bytes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "slo.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="is not UTF-8 text"):
        read_slo(str(tmp_path / "slo.toml"))


KEYS = st.sampled_from([*FIGURES, "defaults", "p99.9", "a.b", "", "['"]) | st.text(max_size=8)
TARGETS = st.from_regex(r"\s?(<=|>=|<|>|=)?\s?[0-9]{0,3}(\.[0-9])?\s?(ms|s|%|/s|x)?", fullmatch=True) | st.text(
    max_size=8
)


def read_or_said(reader: Callable[[str], tuple[Objective, ...]], text: str) -> tuple[Objective, ...] | str:
    try:
        return reader(text)
    except UsageError as error:
        return str(error)


@settings(max_examples=60)
@given(st.lists(st.tuples(KEYS, TARGETS).map("".join), min_size=1, max_size=4).map(",".join))
def test_any_line_is_read_or_is_one_line_of_error(line: str) -> None:
    found = read_or_said(read_slo, line + ",p50<1ms")
    if isinstance(found, str):
        assert found.isprintable()
    else:
        assert read_slo(", ".join(one.claim for one in found)) == found


@settings(max_examples=60)
@given(
    st.text(max_size=40)
    | st.lists(st.tuples(KEYS, TARGETS)).map(lambda pairs: "\n".join(f"{key} = '{target}'" for key, target in pairs))
)
def test_any_file_is_read_or_is_one_line_of_error(content: str) -> None:
    found = read_or_said(parse_toml, content)
    assert found
    if isinstance(found, str):
        assert found.isprintable()
        assert found.startswith("slo.toml: ")


@pytest.mark.parametrize(
    ("passed", "met"),
    [
        ([True, True], True),
        ([True, None], None),
        ([True, None, False], False),
        ([None], None),
        ([], None),
    ],
)
def test_one_that_is_not_met_decides(passed: list[bool | None], met: bool | None) -> None:
    (like,) = read_slo("p99<1ms")
    objectives = [type(like)(claim="", figure="p99", relation="<", bound=1, passed=one) for one in passed]
    skipped = type(like)(claim="", figure="pool", relation="<", bound=1, skipped=True)
    assert SloResult.of([*objectives, skipped]).met is met
