"""Logs: one line for each record, by JSON or by text."""

import io
import json
import logging
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backoffice.core import SetupError, configure_logging
from backoffice.core.logs import InRequest, JsonLines, TextLines
from tests.core.fresh_logging import configured, fresh_root

log = logging.getLogger("tests.logs")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def one(stream: io.StringIO) -> dict[str, Any]:
    (line,) = lines(stream)
    return line


# What a line says


def test_a_json_line_says_when_where_and_what() -> None:
    stream = io.StringIO()
    with configured(stream=stream):
        log.warning("%s of %s", 1, 2, extra={"route": "/books", "many": [1, {"a": None}]})
    told = one(stream)
    moment = datetime.fromisoformat(told.pop("timestamp"))
    assert moment.utcoffset() == timedelta(0)
    assert told == {
        "level": "WARNING",
        "logger": "tests.logs",
        "message": "1 of 2",
        "route": "/books",
        "many": [1, {"a": None}],
    }


def test_a_text_line_says_the_same() -> None:
    stream = io.StringIO()
    with configured(stream=stream, form="text"):
        log.warning("%s of %s", 1, 2, extra={"route": "/books", "words": "a b", "many": [1]})
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 WARNING  tests\.logs: 1 of 2 "
        r'route=/books words="a b" many="\[1\]"\n',
        stream.getvalue(),
    )


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [
        (Terminal(), "auto", False),
        (io.StringIO(), "auto", True),
        (Terminal(), "json", True),
        (io.StringIO(), "text", False),
    ],
)
def test_a_terminal_gets_text_and_anything_else_json(
    stream: io.StringIO, form: Any, is_json: bool
) -> None:
    with configured(stream=stream, form=form):
        log.warning("x")
    assert stream.getvalue().startswith("{") is is_json


def test_an_exception_is_text_within_the_line() -> None:
    stream = io.StringIO()
    with configured(stream=stream):
        log.error("it failed", exc_info=ValueError("a fault"))
    told = one(stream)
    assert told["message"] == "it failed"
    assert told["exception"] == "ValueError: a fault"


def test_a_stack_that_was_asked_for_is_told() -> None:
    stream = io.StringIO()
    with configured(stream=stream):
        log.warning("here", stack_info=True)
    assert "test_a_stack_that_was_asked_for_is_told" in one(stream)["exception"]


class Untellable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "nan"),
        ("half \ud800", "half ?"),
        (b"bytes", "b'bytes'"),
        (Path("/a"), "/a"),
        (SecretStr("s3cr3t"), "**********"),
        (Untellable(), "<Untellable>"),
    ],
    ids=["nan", "half a pair", "bytes", "path", "secret", "untellable"],
)
def test_any_extra_can_be_told(value: object, told: str) -> None:
    made = logging.makeLogRecord({"msg": "x", "name": "n", "levelname": "INFO", "value": value})
    assert json.loads(JsonLines().format(made))["value"] == told
    assert f"value={told}" in TextLines().format(made).replace('"', "")


def test_an_extra_takes_no_field_of_the_line() -> None:
    stream = io.StringIO()
    with configured(stream=stream):
        log.warning("mine", extra={"level": "DEBUG", "timestamp": 0, "exception": "forged"})
    told = one(stream)
    assert (told["level"], "exception" in told) == ("WARNING", False)


# Lines that nobody can forge (ASVS 16.4.1)

FORGERIES = [
    "\n2026-01-01T00:00:00.000+00:00 ERROR    auth: forged",
    '\r\n{"timestamp": "2026-01-01", "message": "forged"}',
    "\x1b[2J\x1b[1;1Hforged",
    "\x85forged \u2028forged\u2029forged\x0bforged\x0cforged\x1cforged",
    "\x00\x07\x08\x7f\x9b31mforged",
    "\u202eforged\u2066",
    "\ud800forged",
]


@pytest.mark.parametrize("text", FORGERIES, ids=range(len(FORGERIES)))
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_client_wrote_makes_no_line(text: str, form: Any) -> None:
    stream = io.StringIO()
    with configured(stream=stream, form=form):
        log.warning("refused: %s", text, extra={"path": text, "all": {text: [text]}})
    written = stream.getvalue()
    assert written.endswith("\n")
    assert len(written.splitlines()) == 1
    assert all(each.isprintable() for each in written[:-1])
    if form == "json":
        assert "forged" in json.loads(written)["message"]


@pytest.mark.parametrize("text", FORGERIES, ids=range(len(FORGERIES)))
@pytest.mark.parametrize("form", ["json", "text"])
def test_what_a_client_wrote_into_an_exception_makes_no_line(text: str, form: Any) -> None:
    stream = io.StringIO()
    with configured(stream=stream, form=form):
        log.error("it failed", exc_info=ValueError(text))
    first, *rest = stream.getvalue().split("\n")[:-1]
    assert all(each.isprintable() for each in (first, *rest))
    assert all(each.startswith("    | ") for each in rest)
    assert bool(rest) is (form == "text")


# Secrets


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "of the environment")
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "postgresql://ann:in-its-address@host/db")
    stream = io.StringIO()
    with configured("given by hand", stream=stream):
        log.warning("%s", "of the environment, in-its-address, given by hand, password=by-its-name")
        mask = "[redacted]"
    assert one(stream)["message"] == f"{mask}, {mask}, {mask}, password={mask}"


def test_secrets_that_are_mounted_as_files_are_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "backoffice_secret_key").write_text("of a mounted file\n")
    (tmp_path / "backoffice_mail__password").write_bytes(b"\xff")
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path))
    stream = io.StringIO()
    with configured(stream=stream):
        log.warning("%s", "of a mounted file")
    assert one(stream)["message"] == "[redacted]"


def test_secrets_that_cannot_be_read_keep_no_line_from_being_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BACKOFFICE_SECRETS_DIR", str(tmp_path / "nowhere"))
    stream = io.StringIO()
    with configured(stream=stream):
        log.warning("x")
    assert one(stream)["message"] == "x"


# Where the app has none


def test_an_app_that_has_configured_its_logs_keeps_them() -> None:
    mine = logging.StreamHandler(io.StringIO())
    with fresh_root() as root:
        root.addHandler(mine)
        level = root.level
        assert configure_logging(level="DEBUG") is False
        assert (root.handlers, root.level) == ([mine], level)


def test_a_second_call_changes_nothing() -> None:
    stream = io.StringIO()
    with fresh_root():
        assert configure_logging(stream=stream)
        assert not configure_logging(stream=io.StringIO())
        log.warning("x")
    assert len(lines(stream)) == 1


@pytest.mark.parametrize("level", ["debug", "DEBUG", logging.DEBUG])
def test_a_level_is_named_or_numbered(level: Any) -> None:
    stream = io.StringIO()
    with configured(stream=stream, level=level):
        log.debug("x")
    assert one(stream)["level"] == "DEBUG"


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(SetupError, match="auto, json or text"):
        configure_logging(form="xml")  # type: ignore[arg-type]


def test_importing_the_package_configures_nothing() -> None:
    program = "import logging, backoffice.core; assert not logging.getLogger().handlers"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# uvicorn


@pytest.fixture
def uvicorn_loggers() -> Iterator[list[logging.Logger]]:
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    kept = [(each, each.handlers[:], each.propagate, each.level) for each in loggers]
    yield loggers
    for logger, handlers, propagate, level in kept:
        logger.handlers[:] = handlers
        logger.propagate = propagate
        logger.setLevel(level)


def test_uvicorns_own_lines_are_written_alike(uvicorn_loggers: list[logging.Logger]) -> None:
    import uvicorn

    uvicorn.Config("x:y")  # configures its loggers
    stream = io.StringIO()
    with configured(stream=stream):
        logging.getLogger("uvicorn.error").info(
            "Started", extra={"color_message": "\x1b[36mStarted"}
        )
        args = ("127.0.0.1:1", "GET", "/verify?token=s3cr3t", "1.1", 200)
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *args)
    started, access = lines(stream)
    assert "color_message" not in started
    assert access["message"] == '127.0.0.1:1 - "GET /verify?token=[redacted] HTTP/1.1" 200'


def test_a_handler_that_somebody_gave_uvicorn_stays(uvicorn_loggers: list[logging.Logger]) -> None:
    mine = logging.StreamHandler(io.StringIO())
    uvicorn_loggers[0].handlers[:] = [mine]
    uvicorn_loggers[0].propagate = False
    with configured(stream=io.StringIO()):
        pass
    assert uvicorn_loggers[0].handlers == [mine]
    assert not uvicorn_loggers[0].propagate


# The request's id


def test_an_id_from_elsewhere_is_told_by_a_hook() -> None:
    stream = io.StringIO()
    with configured(stream=stream, request_id=lambda: "from elsewhere"):
        log.warning("x")
    assert one(stream)["request_id"] == "from elsewhere"


def test_a_hook_that_fails_costs_no_line() -> None:
    def fail() -> str:
        raise LookupError

    stream = io.StringIO()
    with configured(stream=stream, request_id=fail):
        log.warning("x")
    assert "request_id" not in one(stream)


def test_an_id_that_a_record_has_already_stays() -> None:
    made = logging.makeLogRecord({"request_id": "its own"})
    assert InRequest(lambda: "another").filter(made)
    assert made.__dict__["request_id"] == "its own"
