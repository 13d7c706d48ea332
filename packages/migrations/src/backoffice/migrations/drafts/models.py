"""Which models there are: where none were imported, every table would look dropped."""

import ast
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from alembic.operations import ops
from sqlalchemy import Connection, MetaData, Table, text

from backoffice.core.discovery import NoApp, find_app
from backoffice.core.errors import SetupError
from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.drafts.histories import tables_made

#: Folders that hold no models of the app, or those of others.
_SKIPPED = {"node_modules", "site-packages", "tests", "test", "venv", "env", "build", "dist"}
_LARGEST = 1_000_000  # bytes; a larger file was not written by hand

_DEPENDENT = text(
    """
    SELECT c.relname FROM pg_class c
    WHERE c.relispartition OR c.relkind IN ('r', 'p') AND EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
    )
    """
)

Tell = Callable[[str], None]


def import_app(spec: str | None, tell: Tell) -> None:
    """Import the app, and its models with it; an app that cannot be is told of.

    Only once env.py has been read: it may set a naming convention, which models that are
    imported before have not.
    """
    try:
        find_app(spec)
    except NoApp:
        return
    except SetupError as error:
        tell(f"warning: {error.message}; only the models that env.py imports are seen\n")


def metadata_of(target: Any, env: str) -> list[MetaData]:
    """What env.py compares with; SetupError where it has nothing."""
    found = [target] if isinstance(target, MetaData) else list(target or ())
    if not found:
        raise SetupError(
            f"target_metadata is None in {env}: set it to your models' metadata, such as "
            "SQLModel.metadata or Base.metadata",
            code="no_models",
        )
    return found


def tables(metadata: Iterable[MetaData]) -> list[Table]:
    """The tables of the app's own models."""
    return [
        table for each in metadata for table in each.tables.values() if not of_a_package(table.name)
    ]


def check_found(models: Sequence[Table], env: str) -> None:
    """SetupError where there is no model at all."""
    if not models:
        raise SetupError(
            f"no models were found: target_metadata of {env} has no tables, so that every table "
            "of the database would be dropped. Import the modules of your models there, before "
            "target_metadata is set, or name your app by --app",
            code="no_models",
        )


def of_the_database(connection: Connection) -> set[str]:
    """Tables that come and go with something else: partitions, and those of an extension."""
    if connection.dialect.name != "postgresql":
        return set()
    return set(connection.scalars(_DEPENDENT))


def leave_others(upgrade: ops.UpgradeOps, history: Sequence[str], not_ours: set[str]) -> list[str]:
    """Take out of the operations what is not this history's to drop, and name it.

    `history` is the text of each of its revisions: a table that none of them makes was made by
    somebody else.
    """
    gone = [each for each in upgrade.ops if isinstance(each, ops.DropTableOp)]
    ours = tables_made(history) - not_ours if gone else set()
    others = {_key(each) for each in gone if each.table_name not in ours}
    upgrade.ops[:] = [
        each
        for each in upgrade.ops
        if not (isinstance(each, ops.DropTableOp | ops.ModifyTableOps) and _key(each) in others)
    ]
    return sorted(name for _, name in others)


def check_dropped(upgrade: ops.UpgradeOps, folder: Path, models: Sequence[Table] | None) -> None:
    """SetupError where a table is dropped only because its model was not imported.

    Or where not one of `models` is of a table that is there; None where that may be.
    """
    dropped = [each for each in upgrade.ops if isinstance(each, ops.DropTableOp)]
    if dropped:
        _check_imported({str(each.table_name) for each in dropped}, folder)
    if dropped and models is not None:
        _check_some_left(dropped, upgrade, models)


def _check_imported(names: set[str], folder: Path) -> None:
    defined = {name: file for file, name in _defined(folder) if name in names}
    if defined:
        shown = ", ".join(
            f"{name} ({file.relative_to(folder)})" for name, file in sorted(defined.items())
        )
        raise SetupError(
            f"tables would be dropped whose models stand in files that were not imported: {shown}. "
            "Import those modules in env.py, before target_metadata is set",
            code="models_not_imported",
        )


def _check_some_left(
    dropped: Sequence[ops.DropTableOp], upgrade: ops.UpgradeOps, models: Sequence[Table]
) -> None:
    made = [each for each in upgrade.ops if isinstance(each, ops.CreateTableOp)]
    if len(made) == len(models):  # not one table of the database has a model
        shown = ", ".join(sorted(str(each.table_name) for each in dropped))
        raise SetupError(
            f"every table of the database would be dropped ({shown}), since no model is of one: "
            "these models belong to another database, or target_metadata is that of others",
            code="no_models",
        )


def _key(operation: ops.DropTableOp | ops.ModifyTableOps) -> tuple[str | None, str]:
    return operation.schema, str(operation.table_name)


def _defined(folder: Path) -> Iterator[tuple[Path, str]]:
    """The tables whose models stand in files of the project that are no imported modules."""
    imported = {
        Path(file).resolve() for each in list(sys.modules.values()) if (file := _file(each))
    }
    for path in _sources(folder):
        if path.resolve() in imported or path.stat().st_size > _LARGEST:
            continue
        source = path.read_text("utf-8", errors="replace")
        if "__tablename__" in source or "table=True" in source or "Table(" in source:
            yield from ((path, name) for name in _tables_in(source))


def _file(module: Any) -> str | None:
    file = getattr(module, "__file__", None)
    return file if isinstance(file, str) else None


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or path.name in _SKIPPED:
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists() and not (path / "env.py").exists():
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


def _tables_in(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (name := _table_of(node)):
            yield name
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).rpartition(".")[2] == "Table"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def _table_of(model: ast.ClassDef) -> str | None:
    for node in model.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == "__tablename__":
            return str(value.value) if isinstance(value, ast.Constant) else None
    is_table = any(
        each.arg == "table" and isinstance(each.value, ast.Constant) and each.value.value
        for each in model.keywords
    )
    return model.name.lower() if is_table else None
