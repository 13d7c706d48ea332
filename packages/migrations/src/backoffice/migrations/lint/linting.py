"""Lints revisions, one after the other, each knowing what those before it have made."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from backoffice.migrations.lint.findings import Finding
from backoffice.migrations.lint.operations import Reading, Target
from backoffice.migrations.lint.reading import read
from backoffice.migrations.lint.rules import of_revision, of_step
from backoffice.migrations.lint.schema import Schema
from backoffice.migrations.lint.waivers import waived
from backoffice.migrations.lint.walk import Step, walk


@dataclass(frozen=True)
class Linted:
    """One revision that was read, and what there is to say of it."""

    reading: Reading
    findings: tuple[Finding, ...]


def lint(
    files: Iterable[Path],
    target: Target,
    *,
    wanted: Callable[[Path], bool] = lambda _: True,
    known: Schema | None = None,
    live: Schema | None = None,
) -> list[Linted]:
    """Lint these files, given in the order in which they run.

    Those that are not `wanted` are read for what they make, and not judged. `known` is what stands
    before the first of them; `live`, what a database holds now, says how many rows there are.
    """
    schema = (known or Schema()).copy()
    if live is not None:
        schema.sizes, schema.utc = dict(live.sizes), live.utc
    found = []
    for path in files:
        reading = read(path, target, schema)
        if wanted(path):
            found.append(Linted(reading, tuple(judged(reading, target, schema))))
        else:
            for _ in walk(reading, schema, target):
                pass
        if known is not None:
            # Made by what is pending as well: nobody has written to it yet.
            schema.sizes |= {name: 0 for name in schema.tables if name not in known.tables}
    return found


def judged(reading: Reading, target: Target, known: Schema) -> list[Finding]:
    """All findings about one revision, in the order of its lines; `known` learns from it."""
    findings: list[Finding] = []
    steps: list[Step] = []
    for step in walk(reading, known, target):
        findings += of_step(step)
        steps.append(step)
    findings += of_revision(reading, steps, target)
    told = waived(reading, _once(findings), target.dialect)
    return sorted(told, key=lambda each: (each.where.line, each.id))


def _once(findings: Sequence[Finding]) -> list[Finding]:
    """A loop says the same of each of its turns."""
    return list(dict.fromkeys(findings))
