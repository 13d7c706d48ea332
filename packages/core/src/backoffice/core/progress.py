"""How far long work is, for a person who watches."""

import sys
from typing import Self

import typer

#: Between two drawings of the bar it moves by at least this part of the whole.
_STEPS = 200


class Progress:
    """A bar on stderr while something long is done; nothing at all where nobody watches.

    `total` None is for work whose end is not known: then it counts. Used as
    `with command.progress("Importing", total) as progress: ... progress.advance(500)`.
    """

    def __init__(self, label: str, total: int | None = None, *, shown: bool = True) -> None:
        #: How much is done.
        self.done: int = 0
        self._label = label
        self._total = total
        self._shown = shown and sys.stderr is not None and sys.stderr.isatty()
        self._bar = typer.progressbar(
            length=total or 0,
            label=label,
            show_pos=True,
            file=sys.stderr,
            hidden=not self._shown or total is None,
            update_min_steps=max(1, (total or 0) // _STEPS),
        )

    def __enter__(self) -> Self:
        if not self._counts:
            self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the last state on a line of its own, whatever came in between."""
        if self._counts:
            self._tell()
            typer.echo(err=True)
        else:
            self._bar.render_finish()

    def advance(self, count: int = 1) -> None:
        """So much more is done."""
        self.done += count
        if self._counts:
            self._tell()
        else:
            self._bar.update(count)

    @property
    def _counts(self) -> bool:
        return self._shown and self._total is None

    def _tell(self) -> None:
        typer.echo(f"\r{self._label}  {self.done:,}", err=True, nl=False)
