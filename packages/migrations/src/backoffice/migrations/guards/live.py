"""Checks of the configured database: at the present, and as the history makes it."""

from collections.abc import Iterator, Sequence

from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.connections import reading
from backoffice.migrations.guards.faults import Fault
from backoffice.migrations.guards.schema import Schema, differences, schema_of, tables_of
from backoffice.migrations.standings import Standing

_FIXES = {
    "pending": "run `backoffice migrate up`",
    "ahead": "install the version that made it, or a newer one",
    "split": "join the heads by `alembic merge heads`",
    "unsynced": "run `backoffice migrate sync`",
}


def standing_faults(found: Sequence[Standing]) -> Iterator[Fault]:
    """Where the database stands wrongly."""
    for each in found:
        if each.state != "present":
            current, heads = (", ".join(ids) or "-" for ids in (each.current, each.heads))
            told = f"{each.history}: {each.state}, at {current}, head {heads}"
            yield Fault("pending", told, _FIXES[each.state], state=each.state)


def schema_at(database_url: str) -> Schema:
    """What the configured database holds."""
    with reading(database_url) as engine, engine.connect() as connection:
        return schema_of(connection)


def drift_faults(made: Schema, live: Schema) -> Iterator[Fault]:
    """What tells the configured database from one that the history has made just now."""
    known = tables_of(made)
    for told in differences(made, live, only=known):
        yield Fault("drift", told, "undo it there, or write a revision that says so")
    for kind in ("index", "view", "trigger", "function", "sequence"):
        for piece in sorted(each for each in made if each.startswith(f"{kind} ")):
            if live.get(piece) != made[piece]:
                state = "is another" if piece in live else "is missing"
                yield Fault("drift", f"{piece} {state}", "bring it back as the revisions make it")
    for name in sorted(each for each in tables_of(live) - known if not of_a_package(each)):
        yield Fault("drift", f"table {name} is none of this history's", note=True)
