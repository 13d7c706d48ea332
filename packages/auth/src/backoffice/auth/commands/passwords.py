"""Where a command takes a password from: never from a plain argument."""

import os
import secrets
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer

from backoffice.core import InvalidInput

VARIABLE = "BACKOFFICE_PASSWORD"

FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read it from stdin.")]
FromFile = Annotated[
    Path | None, typer.Option("--password-file", help="Read it from the first line of a file.")
]
Generate = Annotated[bool, typer.Option("--generate", help="Make one, and print it once.")]


def chosen_password(stdin: bool, file: Path | None, generate: bool) -> tuple[str, bool]:
    """The password and whether it was made here.

    From the one source named, else from BACKOFFICE_PASSWORD, else from a hidden prompt.
    """
    if stdin + generate + (file is not None) > 1:
        raise InvalidInput("name one source of the password, not several")
    if generate:
        return secrets.token_urlsafe(18), True
    if stdin:
        return _from_stdin(), False
    if file is not None:
        return _from_file(file), False
    if VARIABLE in os.environ:
        return _line(os.environ[VARIABLE], VARIABLE), False
    return _prompted(), False


def _from_stdin() -> str:
    try:
        return _line(sys.stdin.readline(), "stdin")
    except UnicodeDecodeError:
        raise InvalidInput("the password on stdin is not written in UTF-8") from None


def _from_file(file: Path) -> str:
    try:
        return _line(file.read_text("utf-8").split("\n", 1)[0], str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the password file cannot be read: {error}") from None


def _line(text: str, source: str) -> str:
    password = text.rstrip("\r\n")
    if not password:
        raise InvalidInput(f"there is no password in {source}")
    return password


def _prompted() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput(
            "there is no terminal to ask at; give --password-stdin, --password-file, "
            f"--generate or {VARIABLE}"
        )
    # Not typer's own prompt, which ends with 1 at Ctrl-C, as if the password was refused.
    password = getpass("Password: ", stream=sys.stderr)
    if getpass("Repeat it: ", stream=sys.stderr) != password:
        raise InvalidInput("the two are not the same; try again")
    return _line(password, "what was typed")
