"""The shared memory: what is read is always a whole record, whatever the writer does meanwhile."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_lab.live.memory import FIGURES, Page, new_memory

_SIZE = 64
_WRITER = """
import sys, zlib
from trio_lab.live.memory import Memory
memory = Memory(int(sys.argv[1]))
print(flush=True)
number = 0
while True:
    number += 1
    memory.figures.write(number.to_bytes(4, "little") * (number % 3000 + 1))
"""


def page_in(memory: Any) -> Page:
    return Page(memory, 0, _SIZE)


def test_nothing_is_read_before_something_was_written() -> None:
    assert page_in(bytearray(Page.needs(_SIZE))).read() is None


@given(st.lists(st.binary(max_size=_SIZE), min_size=1, max_size=5))
def test_the_last_record_is_read(records: list[bytes]) -> None:
    page = page_in(bytearray(Page.needs(_SIZE)))
    for record in records:
        page.write(record, clock=lambda: 1.5)
    read = page.read()
    assert read is not None
    assert (read.number, read.at, read.data) == (len(records), 1.5, records[-1])


@given(st.binary(max_size=_SIZE), st.binary(min_size=1, max_size=_SIZE), st.integers(0, 2**32))
def test_a_record_is_whole_in_the_midst_of_the_next(first: bytes, second: bytes, seed: int) -> None:
    """Any of the bytes of the second record may be there already. If its number is not, the first one is read; if the number
    came before the rest, as processors may do, the second one is read whole or not at all."""
    before, after = bytearray(Page.needs(_SIZE)), bytearray(Page.needs(_SIZE))
    page_in(before).write(first)
    again = page_in(after)
    again.write(first)
    again.write(second)
    choice = Random(seed).choice
    mixed = bytearray(choice(pair) for pair in zip(before, after, strict=True))
    for number, wanted in ((before[:8], {first}), (after[:8], {second, None})):
        mixed[:8] = number
        read = page_in(mixed).read()
        assert (None if read is None else bytes(read.data)) in wanted


def test_a_record_that_is_too_large_is_refused() -> None:
    with new_memory() as (_, memory), pytest.raises(ValueError, match="does not fit"):
        memory.figures.write(b"x" * (FIGURES + 1))


def test_no_record_of_another_process_is_torn() -> None:
    with new_memory() as (descriptor, memory):
        command = [sys.executable, "-c", _WRITER, str(descriptor)]
        with subprocess.Popen(command, pass_fds=[descriptor], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            numbers, whole = [], True
            while len(numbers) < 3_000 or numbers[-1] == numbers[0]:  # the writer may not have had a CPU meanwhile
                if (read := memory.figures.read()) is not None:
                    numbers.append(read.number)
                    whole = whole and read.data == struct.pack("<I", read.number) * (read.number % 3000 + 1)
            writer.kill()
    assert whole
    assert numbers == sorted(numbers)
    assert numbers[-1] > numbers[0]


def test_what_a_killed_writer_has_written_can_be_read() -> None:
    with new_memory() as (descriptor, memory):
        command = [sys.executable, "-c", _WRITER, str(descriptor)]
        with subprocess.Popen(command, pass_fds=[descriptor], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            while memory.figures.read() is None:
                os.sched_yield()
            writer.kill()
        read = memory.figures.read()
    assert read is not None
    assert read.data == struct.pack("<I", read.number) * (read.number % 3000 + 1)
