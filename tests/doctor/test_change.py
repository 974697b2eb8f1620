"""Unit (pure): what the second program of a trial has that the first has not."""

from __future__ import annotations

import pytest

from trio_lab.config import Config
from trio_lab.doctor.change import Change, change_of, is_the_labs, parsed, without_flags
from trio_lab.errors import UsageError
from trio_lab.options import from_env
from trio_lab.records.diagnosis import Setting


def test_a_variable_and_its_value() -> None:
    assert parsed(["POOL=8", "EMPTY=", "URL=a=b"]) == Change(variables={"POOL": "8", "EMPTY": "", "URL": "a=b"})
    assert parsed([]) is None


@pytest.mark.parametrize(
    ("tries", "said"),
    [
        (["POOL"], "must be like NAME=VALUE"),
        (["=8"], "must be like NAME=VALUE"),
        (["A B=8"], "must be like NAME=VALUE"),
        (["A=\0"], "must be like NAME=VALUE"),
        (["A=1", "A=2"], "two values for A"),
    ],
)
def test_what_is_no_variable(tries: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parsed(tries)


@pytest.mark.parametrize(
    ("command", "its"),
    [
        ("trio-lab serve --threads 2", True),
        (".venv/bin/python -m trio_lab serve", True),
        ("hypercorn -k trio trio_lab.server:app", True),
        ("python serve.py", False),
        ("trio-lab load http://localhost/", False),
        ("python my_trio_lab.py serve", False),
    ],
)
def test_the_labs_own_server_is_known_by_its_command(command: str, its: bool) -> None:
    assert is_the_labs(command.split()) is its


@pytest.mark.parametrize(
    ("setting", "path", "change"),
    [
        (Setting(of="native_pool", name="capacity", value=8), "/wait", Change(variables={"TRIO_LAB_THREADS": "8"})),
        (Setting(of="worker_pool.reports", name="capacity", value=2), "/", Change(variables={"TRIO_LAB_WORKERS": "2"})),
        (Setting(of="tickets", name="capacity", value=8), "/wait", None),
        (Setting(of="run_queue", name="offload"), "/sync-hash?rounds=9", Change(path="/worker-hash?rounds=9")),
        (Setting(of="run_queue", name="offload"), "/fib?n=20&where=loop", Change(path="/fib?n=20&where=process")),
        (Setting(of="run_queue", name="offload"), "/block/json", Change(path="/block/json?fixed=1")),
        (Setting(of="run_queue", name="offload"), "/block/json?fixed=0", Change(path="/block/json?fixed=1")),
        (Setting(of="run_queue", name="offload"), "/health", None),
        (Setting(of="default_limiter", name="separate"), "/wait?pool=default&ms=5", Change(path="/wait?pool=own&ms=5")),
        (None, "/wait", None),
    ],
)
def test_a_setting_of_the_labs_own_server(setting: Setting | None, path: str, change: Change | None) -> None:
    assert change_of(setting, path) == change


def test_every_variable_is_an_option_of_the_server() -> None:
    for of, value in (("native_pool", 7), ("worker_pool", 3), ("default_limiter", 9)):
        change = change_of(Setting(of=of, name="capacity", value=value), "/")
        assert change is not None
        assert from_env(change.variables) != Config()


def test_flags_that_would_win_over_the_variables_are_left_out() -> None:
    command = ["trio-lab", "serve", "--threads", "4", "--port=3000", "--default-threads", "3", "--control"]
    variables = {"TRIO_LAB_THREADS": "8", "TRIO_LAB_PORT": "0", "TRIO_LAB_DEFAULT_THREADS": "9"}
    assert without_flags(command, variables) == ["trio-lab", "serve", "--control"]
    assert without_flags(command, {}) == command


def test_the_word_behind_a_switch_is_not_its_value() -> None:
    command = ["trio-lab", "serve", "--separate-pools", "--threads", "2", "--autoscale"]
    variables = {"TRIO_LAB_SEPARATE_POOLS": "0", "TRIO_LAB_AUTOSCALE": "0"}
    assert without_flags(command, variables) == ["trio-lab", "serve", "--threads", "2"]


def test_flags_of_other_commands_are_their_own() -> None:
    for command in (["hypercorn", "--workers", "2", "trio_lab.server:app"], ["python", "app.py", "--workers", "2"]):
        assert without_flags(command, {"TRIO_LAB_WORKERS": "4"}) == command
