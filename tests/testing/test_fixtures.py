"""Scenarios: objectives, bulkheads and pools as fixtures of tests that are run by each plugin."""

from __future__ import annotations

import re

import pytest

OPTIONS = ("-p", "no:cacheprovider")


def test_objectives_are_judged_when_the_test_ends(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", slo='p99 = "< 50ms"\nok = "> 90%"\n')
    pytester.makepyfile(
        """
        import asyncio, time, pytest
        from trio_lab import QueueFull

        def test_keeps_them(slo):
            for _ in range(5):
                with slo.timed(): time.sleep(0.001)

        def test_is_slow(slo):
            for _ in range(6):
                with slo.timed(): time.sleep(0.06)

        def test_one_block_is_enough(slo):
            with slo.timed(): time.sleep(0.06)

        @pytest.mark.slo("shed<1%")
        def test_refuses(slo):
            for _ in range(9):
                with pytest.raises(QueueFull), slo.timed(): raise QueueFull("database")

        @pytest.mark.slo("loop_delay_p99<50ms")
        def test_its_loop_is_late(slo):
            async def block():
                with slo.timed(): time.sleep(0.2)
            asyncio.run(block())

        @pytest.mark.slo("p99<1s", strict=True)
        def test_too_few_to_tell(slo):
            for _ in range(20):
                with slo.timed(): pass

        @pytest.mark.slo(text="ok>50%" + 300 * ",")
        def test_has_a_long_line(slo):
            for _ in range(5):
                with slo.timed(): pass

        def test_measures_nothing(slo): pass

        def test_fails_itself(slo):
            with slo.timed(): assert 1 == 2

        @pytest.mark.slo("p99<200")
        def test_cannot_read_them(slo): pass
        """
    )
    done = pytester.runpytest_subprocess(*OPTIONS, "--strict-markers", "-rA", "--junit-xml=told.xml")
    done.assert_outcomes(passed=2, failed=7, errors=1)
    said = done.stdout.str()
    for line in (
        r"p99 < 50ms: not met, measured 6\d[.\d]* ms",
        r"shed < 1%: not met, measured 100 % \(95 %: [\d.]+ to 100\)",
        r"loop_delay_p99 < 50ms: not met, measured \d+",
        r"p99 < 1s: could not be told, .* ms \(95 %: [\d.]+ to inf\), 20 blocks are too few, it takes at least 381",
        "put `with slo.timed",
        "assert 1 == 2",
        "the target has no unit",
    ):
        assert re.search(line, said), line
    assert 'name="slo" value="ok &gt; 90%: met, measured 100 %' in (pytester.path / "told.xml").read_text()


TESTS = """
import pytest
{imports}
{mark}
async def test_bulkhead(bulkhead, slo):
    database = bulkhead("database", capacity=2)
    async with database.place():
        assert database.in_service == 1
    with slo.timed(): pass

{mark}
async def test_leaves_a_place_out(bulkhead):
    await bulkhead(capacity=2).enter()
    assert 1 == 2

def test_needs_a_loop(bulkhead):
    bulkhead(capacity=1)
"""
ON_TRIO = """
{mark}
@pytest.mark.worker_pool(size=1)
async def test_worker_pool(worker_pool):
    assert worker_pool.size == 1
    assert await worker_pool.run(abs, -1) == 1

{mark}
@pytest.mark.native_pool(size=2)
async def test_native_pool(native_pool):
    assert (native_pool.size, await native_pool.run(abs, -1)) == (2, 1)
"""
PLUGINS = {
    "pytest-trio": ("", "@pytest.mark.trio", True),
    "pytest-asyncio": ("", "@pytest.mark.asyncio", False),
    "anyio": ("@pytest.fixture\ndef anyio_backend(): return 'trio'", "@pytest.mark.anyio", True),
}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_bulkheads_and_pools_are_closed_around_the_test(pytester: pytest.Pytester, plugin: str) -> None:
    imports, mark, on_trio = PLUGINS[plugin]
    pytester.makefile(".toml", slo='pool = "< 99%"\n')
    pytester.makepyfile(test_it=(TESTS + (ON_TRIO if on_trio else "")).format(imports=imports, mark=mark))
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = pytester.runpytest_subprocess(*OPTIONS, "--junit-xml=told.xml")
    done.assert_outcomes(passed=1 + 2 * on_trio, failed=2, errors=1)
    done.stdout.fnmatch_lines(["*1 of the 2 places of bulkhead were not given back*"])
    done.stdout.fnmatch_lines(["*bulkhead: arrivals 1, completions 0, *"])
    told = (pytester.path / "told.xml").read_text()
    assert "database: arrivals 1, completions 1, rejected 0" in told
    assert not on_trio or "worker_pool: arrivals 1, completions 1" in told
