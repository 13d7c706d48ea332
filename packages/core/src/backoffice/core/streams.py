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


def somebody_there() -> bool:
    """Whether a person can be asked, and answer."""
    return all(each is not None and each.isatty() for each in (sys.stdin, sys.stderr))


def take_any_character() -> None:
    """Escape what the encoding of stdout or stderr lacks, rather than fail at it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
