"""The logs of a real server, with all that core offers for them."""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.processes import Server

APP = """
import logging
from fastapi import FastAPI, HTTPException
from backoffice.core import RequestId, configure_logging, problem_details

configure_logging()
app = FastAPI()
app.add_middleware(RequestId, access=True)
problem_details(app)
log = logging.getLogger("shop")

@app.get("/books/{name}")
def book(name: str):
    log.warning("no book called %s", name)
    raise HTTPException(404, f"There is no {name}.")

@app.get("/broken")
def broken():
    raise ZeroDivisionError("at postgresql://ann:s3cr3t@host/shop\\nforged")
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("logging")
    (folder / "shop.py").write_text(APP)
    options = ["--app-dir", str(folder), "--no-server-header"]

    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port), *options]

    with Server(command) as server:
        yield server


def lines(server: Server, id: str) -> list[dict[str, Any]]:
    """The lines of a request that has been answered."""
    # Its last ones are written after the answer, and before the next request is taken up.
    server.get("/nowhere")
    found = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return [line for line in found if line.get("request_id") == id]


def test_every_line_of_a_request_has_its_id_those_of_uvicorn_too(server: Server) -> None:
    answer = server.get("/books/s%0Aforged?token=s3cr3t")
    assert answer.headers["content-type"] == "application/problem+json"
    id = answer.json()["request_id"]
    assert answer.headers["X-Request-ID"] == id
    told = {line["logger"]: line for line in lines(server, id)}
    assert told.keys() == {"shop", "uvicorn.access", "backoffice.access"}
    assert told["shop"]["message"] == "no book called s\nforged"
    assert told["backoffice.access"]["route"] == "/books/{name}"
    assert "s3cr3t" not in server.log


def test_an_exception_is_answered_by_a_problem_and_logged_once_with_the_id(server: Server) -> None:
    answer = server.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "ZeroDivision" not in answer.text
    id = answer.headers["X-Request-ID"]
    failed = [line for line in lines(server, id) if "exception" in line]
    assert [line["logger"] for line in failed] == ["uvicorn.error"]
    assert "ZeroDivisionError: at postgresql://ann:[redacted]@host" in failed[0]["exception"]
    assert not re.search("^forged", server.log, re.MULTILINE)
    assert "s3cr3t" not in server.log


def test_a_head_request_has_a_problems_headers_and_no_body(server: Server) -> None:
    answer = server.request("HEAD", "/nowhere")
    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["content-type"] == "application/problem+json"


def test_all_that_is_written_once_logging_is_configured_is_json(server: Server) -> None:
    lines(server, server.get("/broken").headers["X-Request-ID"])
    written = server.log.splitlines()
    first = next(number for number, line in enumerate(written) if line.startswith("{"))
    assert all(isinstance(json.loads(line), dict) for line in written[first:])
