"""Unit: options from the environment, and back."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from trio_lab import config
from trio_lab.config import Config
from trio_lab.errors import UsageError
from trio_lab.http.lab import bounds
from trio_lab.options import from_env


@pytest.mark.parametrize(
    "options",
    [
        Config(),
        Config(port=0, threads=7, profile="naive", max_queue=0, queue_timeout=0.25, separate_pools=True),
        Config(default_threads=3, grace=0.0, discipline="adaptive-lifo"),
    ],
)
def test_options_survive_the_environment(options: Config) -> None:
    assert from_env(options.to_env()) == options


def test_an_empty_variable_is_not_set() -> None:
    assert from_env({"TRIO_LAB_THREADS": "", "TRIO_LAB_HOST": ""}) == Config()


def test_faults_are_never_turned_on_by_the_environment() -> None:
    assert from_env({"TRIO_LAB_FAULTS": "1"}) == from_env(Config(faults=True).to_env()) == Config()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TRIO_LAB_THREADS", "lots", 'TRIO_LAB_THREADS from env: unable to convert "lots" into int'),
        ("TRIO_LAB_AUTOSCALE", "maybe", "TRIO_LAB_AUTOSCALE"),
        ("TRIO_LAB_PROFILE", "reckless", 'TRIO_LAB_PROFILE from env. Choose from: "guarded", "naive"'),
        ("TRIO_LAB_DISCIPLINE", "random", 'TRIO_LAB_DISCIPLINE from env. Choose from: "patience", "fifo"'),
        ("TRIO_LAB_THREADS", "0", "threads must be between 1 and 1024, not 0"),
        ("TRIO_LAB_GRACE", "nan", "grace must be between 0 and 86400, not nan"),
    ],
)
def test_a_bad_variable_is_named_in_one_line(variable: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_env({variable: value})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "bounds_of_pools"),
    [
        (Config(), (200, 30.0, 30.0, "patience")),
        (Config(discipline="fifo"), (200, 2.0, 30.0, "fifo")),
        (Config(discipline="codel", queue_timeout=5.0), (200, 5.0, 30.0, "codel")),
        (Config(queue_timeout=0.0, max_queue=0), (0, 0.0, 30.0, "patience")),
        (Config(profile="naive", discipline="lifo"), (None, None, None, "fifo")),
    ],
)
def test_a_last_bound_of_the_wait_is_needed_even_where_patience_is_learned(
    config: Config, bounds_of_pools: tuple[object, ...]
) -> None:
    assert bounds(config) == bounds_of_pools


def test_every_option_has_its_help_text_below_it() -> None:
    lines = [line.strip() for line in inspect.getsource(config).splitlines()]
    for option in fields(Config):
        [declared] = [at for at, line in enumerate(lines) if line.startswith(f"{option.name}: ")]
        assert lines[declared + 1].startswith('"""'), option.name
