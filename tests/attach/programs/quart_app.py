"""A Quart-trio app: ``hypercorn -k trio quart_app:app``."""

import re

from quart_trio import QuartTrio

app = QuartTrio(__name__)
WORDS = re.compile(r"(x+x+)+y")


@app.get("/")
async def index():
    return "ok"


@app.get("/search")
async def search():
    return str(WORDS.search("x" * 19))  # planted


@app.after_serving
async def report():
    print("served")
