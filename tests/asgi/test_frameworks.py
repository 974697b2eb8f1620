"""Contract: each framework that `label_requests` knows, in this process: its templates, and its answers to refusals."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from typing import Any

import pytest
import trio

from trio_lab import WORKING_ON
from trio_lab.asgi import label_requests
from trio_lab.errors import QueueFull, RunTimeout
from trio_lab.preconditions import running_loop

Make = Callable[[], Any]


def full(**_: Any) -> Any:
    raise QueueFull("database")


def slow(**_: Any) -> Any:
    raise RunTimeout("it ran too long")


def starlette() -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def reply(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    async def busy(_: Request) -> PlainTextResponse:
        return full()  # type: ignore[no-any-return]

    async def late(_: Request) -> PlainTextResponse:
        return slow()  # type: ignore[no-any-return]

    inner = Starlette(routes=[Route("/x/{more:path}", reply), Route("/y", lambda request: PlainTextResponse("y"))])
    return Starlette(
        routes=[
            Route("/users/{user}", reply, methods=["GET", "PUT"]),
            Route("/things/{n:int}", reply),
            Mount("/of/{tenant}", app=inner),
            Route("/busy", busy),
            Route("/late", late),
        ]
    )


def fastapi() -> Any:
    from fastapi import APIRouter, FastAPI

    app, router, inner = FastAPI(), APIRouter(prefix="/things"), FastAPI()

    @app.get("/users/{user}")
    @app.put("/users/{user}")
    async def user(user: str) -> str:
        return "done"

    @router.get("/{n}")
    async def thing(n: int) -> str:
        return "done"

    @inner.get("/x/{more:path}")
    async def x(more: str) -> str:
        return "done"

    app.include_router(router)
    app.mount("/of/{tenant}", inner)
    app.get("/busy")(full_of_fastapi)
    app.get("/late")(slow_of_fastapi)
    return app


async def full_of_fastapi() -> None:
    full()


async def slow_of_fastapi() -> None:
    slow()


def quart() -> Any:
    from quart import Quart

    return with_rules(Quart(__name__))


def quart_trio() -> Any:
    from quart_trio import QuartTrio

    return with_rules(QuartTrio(__name__))


def with_rules(app: Any) -> Any:
    async def reply(**_: Any) -> str:
        return "done"

    async def busy() -> str:
        return full()  # type: ignore[no-any-return]

    async def late() -> str:
        return slow()  # type: ignore[no-any-return]

    app.add_url_rule("/users/<user>", "user", reply, methods=["GET", "PUT"])
    app.add_url_rule("/things/<int:n>", "thing", reply)
    app.add_url_rule("/of/<tenant>/x/<path:more>", "x", reply)
    app.add_url_rule("/busy", "busy", busy)
    app.add_url_rule("/late", "late", late)
    return app


MAKES: dict[str, Make] = {"starlette": starlette, "fastapi": fastapi, "quart": quart, "quart_trio": quart_trio}
TEMPLATES = {
    "starlette": ("/users/{user}", "/things/{n}", "/of/{tenant}/x/{more}"),
    "fastapi": ("/users/{user}", "/things/{n}", "/of/{tenant}/x/{more}"),
    "quart": ("/users/<user>", "/things/<int:n>", "/of/<tenant>/x/<path:more>"),
    "quart_trio": ("/users/<user>", "/things/<int:n>", "/of/<tenant>/x/<path:more>"),
}
Reply = tuple[int, dict[bytes, bytes], bytes]


@pytest.fixture(params=MAKES)
def name(request: pytest.FixtureRequest) -> str:
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def ask(name: str, app: Any, requests: Iterable[tuple[str, str]]) -> list[Reply]:
    """The replies to these requests, methods and paths, one after the other."""

    async def run() -> list[Reply]:
        return [await one(app, method, path) for method, path in requests]

    return trio.run(run) if name == "quart_trio" else asyncio.run(run())


async def one(app: Any, method: str, path: str) -> Reply:
    sent: list[Any] = []
    asked = [{"type": "http.request", "body": b"", "more_body": False}]

    answered = trio.Event() if running_loop() == "Trio" else asyncio.Event()

    async def receive() -> Any:
        if asked:
            return asked.pop()
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"x")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


def counted(labelled: Any) -> dict[str, int]:
    return {route.route: route.total.count for route in labelled.ledgers.read(reset=False)}


def test_a_request_is_called_by_the_template_of_its_route(name: str) -> None:
    user, thing, inner = TEMPLATES[name]
    labelled = label_requests(MAKES[name]())
    asked = [
        ("GET", "/users/7"),
        ("GET", "/users/8"),
        ("PUT", "/users/8"),
        ("GET", "/things/9"),
        ("GET", "/of/them/x/1/2"),
        ("GET", "/nothing"),
    ]
    statuses = [status for status, *_ in ask(name, labelled, asked)]
    assert statuses == [200] * 5 + [404]
    assert counted(labelled) == {
        f"GET {user}": 2,
        f"PUT {user}": 1,
        f"GET {thing}": 1,
        f"GET {inner}": 1,
        "GET (unknown route)": 1,
    }


def test_a_refusal_is_answered_where_the_framework_would_answer_with_500(name: str) -> None:
    busy, late = ask(name, label_requests(MAKES[name]()), [("GET", "/busy"), ("GET", "/late")])
    headers = {key.lower(): value for key, value in busy[1].items()}
    assert (busy[0], json.loads(busy[2])) == (503, {"error": "database is full", "queue": "database"})
    assert headers[b"retry-after"] in (b"1", b"2", b"3")
    assert (late[0], json.loads(late[2])) == (504, {"error": "it ran too long"})


def test_a_handler_of_the_program_stays(name: str) -> None:
    app = MAKES[name]()
    if name.startswith("quart"):

        async def own(_: Any) -> tuple[str, int]:
            return "mine", 418

        app.register_error_handler(QueueFull, own)
    else:
        from starlette.responses import PlainTextResponse

        async def own_response(*_: Any) -> PlainTextResponse:
            return PlainTextResponse("mine", 418)

        app.add_exception_handler(QueueFull, own_response)
    [(status, _, body)] = ask(name, label_requests(app), [("GET", "/busy")])
    assert (status, body) == (418, b"mine")


def test_an_app_that_is_mounted_twice_has_two_templates() -> None:
    starlette = pytest.importorskip("starlette.applications").Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    async def reply(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    twice = starlette(routes=[Route("/x/{n}", reply)])
    outer = starlette(routes=[Mount("/v1", app=twice), Mount("/of/{tenant}", routes=[Mount("/latest", app=twice)])])
    labelled = label_requests(outer)
    asked = [("GET", "/v1/x/1"), ("GET", "/of/me/latest/x/1"), ("GET", "/of/you/latest/x/2")]
    assert [status for status, *_ in ask("starlette", labelled, asked)] == [200] * 3
    assert counted(labelled) == {"GET /v1/x/{n}": 1, "GET /of/{tenant}/latest/x/{n}": 2}


def requests_with_secrets(count: int, seed: int = 14) -> list[tuple[str, str]]:
    """Methods and paths that nobody else asks for: values of known routes, and routes that are not."""
    draw = random.Random(seed)
    shapes = ("/users/{}", "/things/{}", "/of/{}/x/{}/{}", "/{}", "/{}/users", "/users/{}/{}", "/busy/{}")

    def values() -> list[str]:
        return [f"secret{draw.getrandbits(64):x}" if draw.random() < 0.7 else f"{10**15 + draw.getrandbits(60)}"] * 3

    methods = ("GET", "PUT", "DELETE", "BREWSECRET")
    return [(draw.choice(methods), draw.choice(shapes).format(*values())) for _ in range(count)]


def test_no_value_of_a_path_becomes_part_of_a_label(name: str) -> None:
    asked = requests_with_secrets(10_000 if name == "starlette" else 300)
    seen: set[str] = set()
    app = MAKES[name]()

    async def reading(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        seen.add(str(WORKING_ON.get()))

    reading.app = app  # type: ignore[attr-defined]  # as middlewares name what they wrap
    labelled = label_requests(reading)
    ask(name, labelled, asked)
    known = {*TEMPLATES[name], "(unknown route)"}
    known |= {"/of/{tenant}/{path}"} if name in ("starlette", "fastapi") else set()  # nothing in the mount
    labels = {f"{method} {one}" for method in ("GET", "PUT", "DELETE", "(other)") for one in known}
    assert seen == counted(labelled).keys() <= labels
    assert sum(counted(labelled).values()) == len(asked)
    told = repr([route.as_json() for route in labelled.ledgers.read(reset=False)])
    assert not re.search(r"secret|\b\d{16}", told, re.IGNORECASE)
