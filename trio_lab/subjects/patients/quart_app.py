"""A Quart-trio app: ``hypercorn -k trio trio_lab.subjects.patients.quart_app:app``. ``/a`` is the work, ``/b`` is cheap."""

from __future__ import annotations

from quart_trio import QuartTrio

from trio_lab.subjects.patients.parts import Serve, opened

app = QuartTrio(__name__)
served: list[Serve] = []


@app.before_serving
async def begin() -> None:
    served.append(await opened(app.nursery))


@app.get("/a")
async def work() -> str:
    await served[0]()
    return "ok"


@app.get("/b")
async def cheap() -> str:
    return "ok"
