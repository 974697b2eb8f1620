"""A FastAPI app whose handler waits for something in AnyIO's threads, as every handler does that is a plain function."""

import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/question")
def question():
    time.sleep(0.1)
    return {"answer": 42}


@app.get("/health")
async def health():
    return {}
