"""A Quart-trio app for hypercorn's command: its loop is watched, and what its pool cannot take is refused."""

import hashlib
from collections.abc import AsyncGenerator

from quart_trio import QuartTrio
from trio_lab import WORKING_ON, NativePool, Overloaded, observe, open_native_pool
from trio_lab.admission.retry_after import retry_after

app = QuartTrio(__name__)
pool: NativePool


def sign() -> str:
    return hashlib.pbkdf2_hmac("sha256", b"text", b"salt", 1_000_000).hex()


@app.while_serving
async def attached() -> AsyncGenerator[None, None]:
    global pool
    async with observe(), open_native_pool(size=1, max_queue=1, queue_timeout=0.5) as pool:
        yield


@app.errorhandler(Overloaded)
async def refused(error: Overloaded) -> tuple[dict[str, str], int, dict[str, str]]:
    return {"error": str(error)}, 503, {"Retry-After": str(retry_after(error.retry_after))}


@app.get("/sign")
async def sign_on_the_loop() -> str:
    WORKING_ON.set("GET /sign")  # the log names it
    return sign()


@app.get("/sign-in-thread")
async def sign_in_a_thread() -> str:
    return await pool.run(sign)
