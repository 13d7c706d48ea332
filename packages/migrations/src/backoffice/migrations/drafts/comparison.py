"""The difference of models and database, as operations that go through."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.autogenerate import compare
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Inspector, Table, inspect

from backoffice.migrations.autogenerate import env_options
from backoffice.migrations.drafts import constraints, indexes, models, renames, schemas
from backoffice.migrations.drafts.casts import cast
from backoffice.migrations.drafts.checks import Checks, plain_types
from backoffice.migrations.drafts.copies import Copies, guard
from backoffice.migrations.drafts.defaults import comparing
from backoffice.migrations.drafts.enum_defaults import defaults_apart
from backoffice.migrations.drafts.enums import EnumChanges
from backoffice.migrations.drafts.kept import with_actions
from backoffice.migrations.drafts.names import Names, renamed
from backoffice.migrations.drafts.replica import replica
from backoffice.migrations.drafts.required import Required, restored
from backoffice.migrations.drafts.types import Types
from backoffice.migrations.drafts.wishes import Wishes

Tell = models.Tell

#: Named CHECKs are compared by their names, which Alembic leaves to a plugin of its own.
_PLUGINS = ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"]


class Comparison:
    """Compares once, and asks where it must; `autogen` then knows how to write it down."""

    def __init__(
        self, given: MigrationContext, wishes: Wishes, history: Sequence[str], folder: Path
    ) -> None:
        self.context = _ours(given)
        self.connection: Connection = _connected(self.context)
        self.wishes = wishes
        # Whoever has Alembic compare defaults would be told of one that the model has not.
        self._lenient = not given.opts.get("compare_server_default")
        comparing(self.context, lenient=self._lenient)
        self.names = Names()
        self.warnings: list[str] = []
        self._history = history
        self._folder = folder
        env = str(getattr(given.script, "env_py_location", "env.py"))
        self.metadata = models.metadata_of(given.opts.get("target_metadata"), env)
        self.models: Sequence[Table] = models.tables(self.metadata)
        self._not_ours = models.of_the_database(self.connection)
        models.check_found(self.models, env)
        self.autogen = AutogenContext(self.context)
        self.inspector: Inspector = inspect(self.connection)

    def operations(self, tell: Tell) -> tuple[ops.UpgradeOps, ops.DowngradeOps]:
        """What upgrade() and downgrade() are to do; both are empty where nothing is."""
        with _quiet():
            renamings, upgrade = self._net_changes(tell)
            self._complete(upgrade)
            first, last = self._enums(upgrade)
            first = [*schemas.missing(self.connection, self.models), *first]
            if first:
                first = [*defaults_apart(upgrade, self.context.dialect), *first]
            self._mend(upgrade)
            upgrade.ops[:] = [*renamings, *first, *upgrade.ops, *last]
            downgrade = upgrade.reverse_into(ops.DowngradeOps([]))
            restored(downgrade)
            self._fit([upgrade, downgrade])
        self.wishes.check_heeded()
        return upgrade, downgrade

    def _net_changes(self, tell: Tell) -> tuple[list[ops.MigrateOperation], ops.UpgradeOps]:
        renamings: list[ops.MigrateOperation] = []
        while True:
            self._look()
            upgrade = ops.UpgradeOps([])
            compare._produce_net_changes(self.autogen, upgrade)
            others = models.leave_others(upgrade, self._history, self._not_ours)
            found = renames.found(self.autogen, upgrade, self.wishes, self.names)
            if not found:
                break
            renamings += found
        if others:
            tell(f"left alone, since no revision of this history made them: {', '.join(others)}\n")
        models.check_dropped(upgrade, self._folder, self.models if self.wishes.guess else None)
        return renamings, upgrade

    def _look(self) -> None:
        """A fresh look at the database, by the names that things will have."""
        self.autogen = AutogenContext(self.context)
        self.inspector = inspect(self.connection)
        if self._sqlite:
            self.inspector = with_actions(self.inspector, self.connection)
        if self.names.tables or self.names.columns:
            self.inspector = renamed(self.inspector, self.names)
        vars(self.autogen)["inspector"] = self.inspector

    def _complete(self, upgrade: ops.UpgradeOps) -> None:
        """Add what Alembic does not compare, and take out what it only seems to find."""
        if self._sqlite:
            self._reflect_again(upgrade)
        checks = Checks(self.connection, self.inspector, self.wishes, self.names)
        for table in self._existing():
            changed = list(checks.compared(table))
            if self._sqlite:
                changed += constraints.unnamed_uniques(self.inspector, table)
            if changed:
                modified = ops.ModifyTableOps(table.name, changed, schema=table.schema)
                _join(upgrade, modified)
        constraints.without_guesses(upgrade, self.models)
        constraints.without_noise(upgrade)
        plain_types(upgrade, self.context.dialect)

    def _reflect_again(self, upgrade: ops.UpgradeOps) -> None:
        """SQLite shows less of its indexes and constraints than there is."""
        plain = indexes.plain_indexes(self.connection)
        indexes.without_reflected(self.connection, upgrade, self.models, plain)
        constraints.without_identities(upgrade)
        for table in self._existing():
            constraints.without_named_again(upgrade, self.inspector, table)
        found = list(indexes.compared(self.connection, self.models, plain, self.names))
        # First what goes: a column cannot, while there is an index on it.
        upgrade.ops[:0] = [each for each in found if isinstance(each, indexes.IndexDropped)]
        upgrade.ops += [each for each in found if not isinstance(each, indexes.IndexDropped)]

    def _enums(self, upgrade: ops.UpgradeOps) -> tuple[list[Any], list[Any]]:
        if self.context.dialect.name != "postgresql":
            return [], []
        changes = EnumChanges(self.connection, self.wishes, self.names)
        gone = {
            (each.schema, str(each.table_name), str(each.column_name))
            for modified in upgrade.ops
            if isinstance(modified, ops.ModifyTableOps)
            for each in modified.ops
            if isinstance(each, ops.DropColumnOp)
        } | {
            (each.schema, str(each.table_name), column.name)
            for each in upgrade.ops
            if isinstance(each, ops.DropTableOp)
            for column in each.to_table().columns
        }
        both = changes.first(self.models), changes.last(self.models, gone)
        self.warnings += dict.fromkeys(changes.warnings)
        return both

    def _mend(self, upgrade: ops.UpgradeOps) -> None:
        """Make of it what goes through, whatever rows there are."""
        constraints.named(upgrade)
        alters = self.context.dialect.supports_alter
        constraints.uncircled(upgrade, supports_alter=alters)
        constraints.ordered(upgrade, supports_alter=alters)
        renames.kept(upgrade, self.context.dialect)
        cast(upgrade, self.connection)
        required = Required(self.connection, self.models, self.wishes, self.names)
        required.keeps_defaults = self._lenient
        required.rewrite(upgrade)
        self.warnings += required.warnings

    def _fit(self, both: Sequence[ops.OpContainer]) -> None:
        """Batch mode, where the database needs it."""
        if self._sqlite:
            self._copy(both)
        batch = bool(self.context.opts.get("render_as_batch"))
        for each in both:
            guard(each, batch=batch)

    def _copy(self, both: Sequence[ops.OpContainer]) -> None:
        without = {each.name for each in both[0].ops if isinstance(each, indexes.IndexDropped)}
        counted = any("autoincrement" in each.lower() for each in self._history)
        with self._as_it_will_be() as connection:
            copies = Copies(
                connection, self.inspector, self.autogen, counted=counted, without=without
            )
            for each in both:
                copies.rewrite(each)
        self.warnings += dict.fromkeys(copies.warnings)

    @contextmanager
    def _as_it_will_be(self) -> Iterator[Connection]:
        if not (self.names.tables or self.names.columns):
            yield self.connection
            return
        with replica(self.connection, self.names) as (connection, left):
            self.warnings += [f"{each} could not be read, and a copy may lack it" for each in left]
            yield connection

    def _existing(self) -> list[Table]:
        present = {
            (schema, name)
            for schema in {table.schema for table in self.models}
            for name in self.inspector.get_table_names(schema=schema)
        }
        return [table for table in self.models if (table.schema, table.name) in present]

    @property
    def _sqlite(self) -> bool:
        return self.context.dialect.name == "sqlite"


def _ours(given: MigrationContext) -> MigrationContext:
    """The context that env.py made, with what it left out."""
    options: dict[str, Any] = dict(given.opts)
    named = options.get("include_name")
    if not options.get("include_schemas"):
        options["include_schemas"] = schemas.elsewhere(
            options.get("target_metadata"), given.dialect
        )
        named = schemas.only(options["include_schemas"], named)
    filters = env_options(include_name=named, include_object=options.get("include_object"))
    options |= {
        **filters,
        "compare_server_default": options.get("compare_server_default") or True,
        "render_item": Types(options.get("render_item")),
    }
    options.setdefault("autogenerate_plugins", _PLUGINS)
    if given.dialect.name == "sqlite":
        options["render_as_batch"] = False  # only what needs it is copied, and with more care
    return MigrationContext.configure(
        connection=given.connection,
        environment_context=given.environment_context,
        opts=options,
    )


def _connected(context: MigrationContext) -> Connection:
    if context.connection is None:
        raise TypeError("env.py gave no connection")
    return context.connection


def _join(upgrade: ops.UpgradeOps, modified: ops.ModifyTableOps) -> None:
    """SQLite copies a table once, whatever is changed about it."""
    for each in upgrade.ops:
        same = isinstance(each, ops.ModifyTableOps) and (each.schema, each.table_name) == (
            modified.schema,
            modified.table_name,
        )
        if same and isinstance(each, ops.ModifyTableOps):
            each.ops[:] = [*each.ops, *modified.ops]
            return
    upgrade.ops.append(modified)


@contextmanager
def _quiet() -> Iterator[None]:
    """What SQLAlchemy and Alembic warn of here is what we do ourselves."""
    with warnings.catch_warnings():
        for told in ("autogenerate skipping", "Skipped unsupported", "Cannot correctly sort"):
            warnings.filterwarnings("ignore", told)
        yield
