"""The page: complete, self-contained, and deaf to what a file tries to smuggle into it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.report.from_json import render
from trio_lab.errors import UsageError

SMUGGLED = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>`<b>`"
FIXED = {"relation", "outcome", "kind", "role", "axis"}  # words of a closed list: anything else is refused


class Tags(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def values(self, name: str) -> list[str]:
        return [value for attribute, value in self.attributes if attribute == name]


def smuggle(value: Any, key: str = "") -> Any:
    """The same results with every free text, keys of open tables included, replaced."""
    if isinstance(value, dict):
        open_table = key in {"figures", "packages", "environment"}
        return {
            (f"{name}{SMUGGLED}" if open_table and name != "packages" else name): smuggle(inner, name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [smuggle(inner, key) for inner in value]
    return SMUGGLED if isinstance(value, str) and key not in FIXED else value


@pytest.fixture(scope="module")
def page() -> str:
    return render(json.loads(Path(__file__).with_name("sample_results.json").read_text(encoding="utf-8")))


def test_lead_counts_what_held(page: str) -> None:
    assert '</h1>\n<p class="counts">4 of 6 predictions held, 1 was refuted, 1 is undecided.</p>' in page
    assert "Quick dose" in page
    assert "21 November 2026, 21:00 UTC; the run took 2 min 20 s" in page


def test_every_experiment_is_in_the_table_and_has_its_section(page: str, sample: dict[str, Any]) -> None:
    tags = Tags(page)
    links = [link.removeprefix("#") for link in tags.values("href")]
    assert set(links) <= set(tags.values("id"))
    for number, experiment in enumerate(sample["experiments"], 1):
        # In the contents, in the table of verdicts, and where its finding is told.
        assert links.count(f"e{number}-{experiment['name']}") == 3
    for experiment in sample["experiments"]:
        assert f">{experiment['name']}</a>" in page
        assert experiment["title"] in page


def test_contents_lead_to_every_part_of_the_page(page: str, comparison: dict[str, Any]) -> None:
    for made, parts in ((page, {"learned"}), (render(comparison), {"comparison", "c1-native-pool-saturation"})):
        found, headings = Tags(made.partition("<nav")[2].partition("</nav>")[0]), Tags(made)
        linked = [link.removeprefix("#") for link in found.values("href")]
        assert parts | {"verdicts", "machine"} <= set(linked) <= set(headings.values("id"))
        assert len(linked) == len(set(linked))
        sections = [one for one in re.findall(r'<section class="[^"]*" id="([^"]+)"', made) if "<details" not in one]
        folded = {f"e{n}" for n in range(1, 7)} if "comparison" in parts else set()
        assert {one for one in sections if one[:2] not in folded} <= set(linked)


def test_verdicts_come_before_the_sections(page: str) -> None:
    assert page.index('class="verdicts"') < page.index('class="experiment')


def test_outcome_is_said_in_words(page: str, sample: dict[str, Any]) -> None:
    for experiment in sample["experiments"]:
        outcome = experiment["outcome"].replace("not enough data", "undecided")  # as earlier versions said
        assert f"</b> {outcome}</span>" in page


def test_charts_are_drawn_and_an_empty_one_says_so(page: str, sample: dict[str, Any]) -> None:
    charts = [chart for one in sample["experiments"] for chart in one["evidence"]["charts"]]
    assert page.count('class="plot"') == len(charts) - 1
    assert page.count("Nothing was recorded for this chart.") == 1


def test_ids_are_unique(page: str) -> None:
    ids = Tags(page).values("id")
    assert len(ids) == len(set(ids))


def test_page_loads_nothing(page: str) -> None:
    assert not re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", page))
    assert not re.search(r"@import|url\((?!#)", page)
    assert not {"link", "img", "iframe", "object"} & Tags(page).names
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-" in page


def test_the_one_script_is_the_one_that_the_policy_allows(page: str) -> None:
    [script] = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "innerHTML" not in script
    assert page.count("<script") == 1


def test_no_text_of_a_file_becomes_markup(page: str, sample: dict[str, Any]) -> None:
    clean, tags = Tags(page), Tags(render(smuggle(sample)))
    assert tags.names <= clean.names
    assert render(smuggle(sample)).count("<script") == 1
    assert {name for name, _ in tags.attributes} <= {name for name, _ in clean.attributes}
    assert all(link.startswith("#") for link in tags.values("href"))


def test_backticks_mark_code_and_blank_lines_part_paragraphs(light: dict[str, Any]) -> None:
    light["experiments"][0]["advice"] = "Use `a < b`.\n\nThen stop."
    assert "<p>Use <code>a &lt; b</code>.</p>\n<p>Then stop.</p>" in render(light)


def test_how_sure_the_first_queue_is_stands_beside_it(light: dict[str, Any]) -> None:
    assert " sure)" not in render(light)  # a result of an earlier version does not know
    light["experiments"][0] |= {"first_full": "native_pool", "confidence": 0.875}
    assert "first full queue: <code>native_pool</code> (88% sure)" in render(light)


def test_run_without_experiments_is_still_a_page(light: dict[str, Any]) -> None:
    light["experiments"] = []
    assert "0 of 0 predictions held." in render(light)


def test_environment_may_hold_anything(light: dict[str, Any]) -> None:
    light["environment"] = {"deep": {"a": [1, None, {"b": True}]}, "packages": "none", "memory_bytes": "much"}
    assert "{&quot;a&quot;:[1,null,{&quot;b&quot;:true}]}" in render(light)


def test_machine_is_a_list_of_names_and_readable_values(light: dict[str, Any]) -> None:
    light["environment"] = {
        "cores_usable": 2,
        "memory_bytes": 25_300_000_000,
        "clock_resolution_s": 1e-9,
        "cpu_quota": None,
        "packages": {"trio": "0.35.0"},
        "programs": {"node": "v20.20.2", "wrk": None},
    }
    page = render(light)
    shown = dict(re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page[page.index('id="machine"') :]))
    assert shown == {
        "cores usable": "2",
        "memory": "25.3 GB",
        "clock resolution": "1 ns",
        "cpu quota": "none",
        "trio": "0.35.0",
        "node": "v20.20.2",
        "wrk": "none",
    }
    assert re.findall(r"<div><h3>([^<]*)</h3><dl", page) == ["Machine", "Packages", "Other programs"]


def test_time_that_is_none_stays_as_it_is(light: dict[str, Any]) -> None:
    light["created"] = "<yesterday>"
    assert "&lt;yesterday&gt;; the run took" in render(light)


@pytest.mark.parametrize(("key", "value"), [("outcome", "maybe"), ("name", 3), ("evidence", []), ("duration_s", "1")])
def test_wrong_type_is_refused(light: dict[str, Any], key: str, value: Any) -> None:
    light["experiments"][0][key] = value
    with pytest.raises(UsageError, match=re.escape(f"$.experiments[0].{key.removesuffix('_s')}")):
        render(light)


def test_notes_on_the_measurement_are_shown(page: str, light: dict[str, Any]) -> None:
    assert "About these figures" not in page
    light["experiments"][0]["notes"] = ["/hash: the generator was late & said so"]
    noted = render(light)
    assert "About these figures" in noted
    assert "<li>/hash: the generator was late &amp; said so</li>" in noted
