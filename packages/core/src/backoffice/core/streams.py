"""The streams of the command: the answer on stdout, and whether anybody is at a terminal."""

import io
import os
import sys

import typer

from backoffice.core.errors import SetupError

#: As of a process that SIGPIPE has ended: 128 and its number.
UNREAD = 141


def write(text: str | bytes, *, nl: bool = True) -> None:
    """Print a line on stdout, or what is none; ends with 141 where nobody reads on."""
    try:
        typer.echo(text, nl=nl)
    except OSError as error:
        # What is left of it would be tried again at the end of the process, and told there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(UNREAD) from None
        raise SetupError(f"the answer cannot be written: {error.strerror}") from None


def tell(text: str, *, nl: bool = True) -> None:
    """Print on stderr. Nobody need be there to hear it: what was done is done, and the exit code
    says so as well."""
    try:
        typer.echo(text, err=True, nl=nl)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def somebody_there() -> bool:
    """Whether a person can be asked, and answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def open_closed() -> None:
    """Where stdin or stderr was closed there is nothing to read, and nobody to tell.

    In their order: each takes the number of the one that was closed, before a database does.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def take_any_character() -> None:
    """Escape what the encoding of stdout or stderr lacks, rather than fail at it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
