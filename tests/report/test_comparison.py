"""The page of a run on several runtimes."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.report.from_json import render, save, verdict_rows
from tests.report.test_page import FIXED, SMUGGLED, Tags
from trio_lab.report.files import load
from trio_lab.report.files import save as save_record


def visible(page: str) -> str:
    """What a reader sees, on one line."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL).replace("&nbsp;", " ")
    return re.sub(r" (?=[,:])", "", " ".join(bare.split()))


def smuggle(value: Any, key: str = "") -> Any:
    """The same results with markup in front of every free text and every runtime's name."""
    if isinstance(value, dict):
        named = key in {"values", "ratios", "missing"}
        return {f"{SMUGGLED}{name}" if named else name: smuggle(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [smuggle(inner, key) for inner in value]
    return f"{SMUGGLED}{value}" if isinstance(value, str) and key not in {*FIXED, "better"} else value


def test_page_without_a_comparison_has_nothing_of_it(light: dict[str, Any]) -> None:
    page = render(light)
    markup = page[page.index("<body>") :]
    assert not re.search(r'class="[^"]*(comparison|compared|own|difference|part|named|even)\b', markup)
    assert "<th>Runtime</th>" not in markup
    assert render(light | {"comparison": None}) == page


def test_comparison_stands_first(comparison: dict[str, Any]) -> None:
    page = render(comparison)
    assert "<h1>trio, asyncio and node side by side.</h1>" in page
    places = [page.index(f'class="{name}') for name in ("comparison", "verdicts", "experiment compared", "difference")]
    assert places == sorted(places)
    assert "predictions held" in page


def test_table_says_who_is_better_in_words(comparison: dict[str, Any]) -> None:
    seen = visible(render(comparison))
    assert "trio beside asyncio: ▲ ahead in 1, ▼ behind in 1, = even in 0" in seen
    assert "trio beside node: ▲ ahead in 0, ▼ behind in 1, = even in 1" in seen
    assert (
        "lower is better 3.25 ms 3–3.5 ▼ behind asyncio 2.45 ms 2.1–2.8 round by round 0.75× trio's 0.7–0.8 ▲ better"
        in seen
    )
    assert "higher is better 41 ms 40–42 ▼ behind node 30.5 ms 30–31 round by round 0.744× trio's" in seen


def test_runtimes_own_sections_are_folded_into_the_comparison(comparison: dict[str, Any]) -> None:
    page = render(comparison)
    start, end = (page.index(f'id="{name}"') for name in ("c1-native-pool-saturation", "c2-native-pool-sizing"))
    within = page[start:end]
    assert within.count('<details class="own">') == 3
    assert [f"on {name}</span>" in within for name in ("trio", "asyncio", "node")] == [True] * 3
    assert page.count('class="experiment ') == len(comparison["experiments"]) + 2
    assert page.count('<details class="own">') == 6


def test_ids_are_unique_and_links_lead_somewhere(comparison: dict[str, Any]) -> None:
    chart = comparison["comparison"]["experiments"][0]["chart"]
    comparison["experiments"][1]["evidence"]["charts"] = [deepcopy(chart)] * 2
    comparison["comparison"]["experiments"][1]["name"] = comparison["comparison"]["experiments"][0]["name"]
    tags = Tags(render(comparison))
    ids = tags.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in tags.values("href")} <= set(ids)


def test_every_entry_is_shown_once_whatever_the_comparison_names(comparison: dict[str, Any]) -> None:
    first, second = comparison["comparison"]["experiments"]
    first["name"], second["name"] = "starvation", "starvation"
    page = render(comparison)
    assert page.count('aria-labelledby="e') == len(comparison["experiments"])


def test_verdicts_name_the_runtime_when_there_are_several(comparison: dict[str, Any]) -> None:
    page = render(comparison)
    assert "<th>Runtime</th>" in page
    assert '<td class="runtime" data-label="Runtime">asyncio</td>' in page
    runtimes = [row.runtime for row in verdict_rows(comparison)]
    assert runtimes == ["trio", "asyncio", "node"] * 2 + ["trio"] * 4
    del comparison["comparison"]
    assert [row.runtime for row in verdict_rows(comparison)] == runtimes


def test_one_entry_that_watches_all_runtimes_needs_no_column(light: dict[str, Any]) -> None:
    assert len({one["runtime"] for one in light["experiments"]}) > 1
    assert {row.runtime for row in verdict_rows(light)} == {""}


def test_differences_are_tables(comparison: dict[str, Any]) -> None:
    page = render(comparison)
    assert '<td data-label="work done for nobody">0 of 12</td>' in page
    assert '<td data-label="work done for nobody">12</td>' in page
    assert '<td data-label="work done for nobody">not measured</td>' in page
    assert "Counted by <code>/health</code>." in page


def test_missing_runtime_is_named_with_its_reason(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["missing"] = {"node": "older than 20 & <odd>"}
    for experiment in comparison["comparison"]["experiments"]:
        for figure in experiment["figures"]:
            del figure["values"]["node"], figure["ratios"]["node"]
    page = render(comparison)
    assert "<b>node</b>: older than 20 &amp; &lt;odd&gt;" in page
    assert "<h1>trio and asyncio side by side.</h1>" in page


def test_single_round_promises_no_spread(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["rounds"] = 1
    seen = visible(render(comparison))
    assert "One round, so nothing is known of the spread." in seen
    assert "of the same round" not in seen


@pytest.mark.parametrize(
    ("planned", "taken", "said"),
    [
        (6, (6, 6), "6 rounds, every runtime in each."),
        (6, (6, 9), "6 rounds, every runtime in each; up to 9 where an outcome was undecided."),
        (1, (1, 1), "One round, so nothing is known of the spread."),
        (1, (1, 2), "1 round, every runtime in each; up to 2 where an outcome was undecided."),
        (2, (), "2 rounds, every runtime in each."),
    ],
)
def test_rounds_that_were_added_are_told(planned: int, taken: tuple[int, ...], said: str, comparison: Any) -> None:
    comparison["comparison"]["rounds"] = planned
    for number, one in zip(taken, comparison["experiments"], strict=False):
        one["rounds"] = [{}] * number
    assert f"{said}</p>" in render(comparison)


def test_comparison_of_nothing_is_still_a_page(comparison: dict[str, Any]) -> None:
    comparison["comparison"] |= {"runtimes": [], "experiments": [], "differences": []}
    comparison["experiments"] = []
    assert "nothing, compared with none." in render(comparison)


def test_no_text_of_a_file_becomes_markup(comparison: dict[str, Any]) -> None:
    comparison["comparison"]["missing"] = {"ruby": "not a runtime"}
    clean, tags = Tags(render(comparison)), Tags(render(smuggle(comparison)))
    assert tags.names <= clean.names
    assert {name for name, _ in tags.attributes} <= {name for name, _ in clean.attributes}
    assert all(link.startswith("#") for link in tags.values("href"))


def test_values_at_the_edge_of_a_float_are_shown(comparison: dict[str, Any]) -> None:
    figure = comparison["comparison"]["experiments"][0]["figures"][0]
    huge = {"median": 1e308, "min": -1e308, "max": 10**300}
    figure["values"]["asyncio"] = figure["ratios"]["asyncio"] = huge
    figure["label"] = "x" * 10_000
    assert "1.00e+308 ms" in render(comparison)


def test_page_made_again_from_the_file_is_the_same(comparison: dict[str, Any], tmp_path: Path) -> None:
    page = save(comparison, tmp_path / "one")
    again = save_record(load(page.parent), tmp_path / "two")
    assert again.read_bytes() == page.read_bytes()
