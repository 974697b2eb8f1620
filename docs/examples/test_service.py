"""Tests of a service, of which some must not block their event loop."""

import asyncio
import hashlib

import pytest


def sign(text: bytes) -> str:
    return hashlib.pbkdf2_hmac("sha256", text, b"salt", 1_000).hex()


@pytest.mark.no_blocking(budget=0.1)
def test_a_signature_is_short_work() -> None:
    async def serve() -> str:
        await asyncio.sleep(0)
        return sign(b"please")

    assert len(asyncio.run(serve())) == 64


def test_a_thread_signs(no_blocking: None) -> None:
    assert len(asyncio.run(asyncio.to_thread(sign, b"please"))) == 64
