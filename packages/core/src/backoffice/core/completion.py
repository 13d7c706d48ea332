"""Completion of the command's words by a shell, as typer's scripts ask for it."""

import os
import shlex
from collections.abc import Callable, Sequence
from typing import Literal

# typer names these to its own modules alone, and has no public way to a script.
from typer.completion import (  # type: ignore[attr-defined]
    completion_init,
    get_completion_script,
)

Shell = Literal["bash", "zsh", "fish"]
#: Set by the script while the shell asks what may come next.
VARIABLE = "_BACKOFFICE_COMPLETE"
#: The words so far: of bash by lines, of the others as they were typed.
_LINES, _TYPED = "COMP_WORDS", "_TYPER_COMPLETE_ARGS"


def script(shell: Shell) -> str:
    """What a shell is to read, for it to complete `backoffice`."""
    written: str = get_completion_script(prog_name="backoffice", complete_var=VARIABLE, shell=shell)
    return written


def asked() -> bool:
    """Whether a shell asks what may come next, rather than a person for something to be done."""
    return VARIABLE in os.environ


def words(hoisted: Callable[[Sequence[str]], list[str]]) -> list[str]:
    """The words before the one that is completed, `hoisted`; and typer is told the same."""
    completion_init()
    return _of_bash(hoisted) if _LINES in os.environ else _of_others(hoisted)


def _of_bash(hoisted: Callable[[Sequence[str]], list[str]]) -> list[str]:
    lines = os.environ[_LINES].split("\n")
    here = int(os.environ.get("COMP_CWORD", len(lines) - 1))
    found = hoisted(lines[1:here])
    os.environ[_LINES] = "\n".join([lines[0], *found, *lines[here:]])
    return found


def _of_others(hoisted: Callable[[Sequence[str]], list[str]]) -> list[str]:
    done, _, current = os.environ.get(_TYPED, "").rpartition(" ")
    try:
        name, *given = shlex.split(done)
    except ValueError:  # within quotes, or nothing was typed
        return []
    found = hoisted(given)
    os.environ[_TYPED] = f"{shlex.join([name, *found])} {current}"
    return found
