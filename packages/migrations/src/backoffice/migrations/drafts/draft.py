"""A new revision: what it does, and the file that it is written to."""

import ast
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alembic.autogenerate.api import RevisionContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory, write_hooks
from mako.template import Template  # type: ignore[import-untyped]
from sqlalchemy import Connection

from backoffice.core.errors import Conflict, SetupError
from backoffice.migrations.connections import reading, same_database
from backoffice.migrations.drafts.comparison import Comparison
from backoffice.migrations.drafts.descriptions import described, summary
from backoffice.migrations.drafts.models import import_app
from backoffice.migrations.drafts.wishes import Wishes
from backoffice.migrations.environment import Environment
from backoffice.migrations.errors import ahead
from backoffice.migrations.fixes.revision import fixed
from backoffice.migrations.histories import APP
from backoffice.migrations.project import AppHistory
from backoffice.migrations.standings import Standing
from backoffice.migrations.steps import Steps

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Draft:
    """A revision that is not written yet; `operations` and `warnings` are for people."""

    revision: str
    message: str
    path: Path
    text: str
    operations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    hooks: Any = None

    def write(self) -> None:
        """Put the file there, and run the app's hooks on it.

        Raises Conflict where there is one, SetupError where a hook cannot be run.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("x", encoding="utf-8") as file:
                file.write(self.text)
        except FileExistsError:
            raise Conflict(
                f"{self.path} is there already; give another --message", code="file_exists"
            ) from None
        except OSError as error:
            raise SetupError(f"{self.path} cannot be written: {error.strerror}") from None
        if self.hooks:
            self._run_hooks()

    def _run_hooks(self) -> None:
        try:
            write_hooks._run_hooks(self.path, self.hooks)
        except Exception as error:  # a hook may be any program or function of the app
            raise SetupError(
                f"{self.path} is written, but a hook of alembic.ini's [post_write_hooks] failed: "
                f"{error or type(error).__name__}",
                code="hook_failed",
            ) from error


def compared(
    app: AppHistory,
    url: str,
    wishes: Wishes,
    *,
    message: str | None = None,
    spec: str | None = None,
    plain: bool = False,
    tell: Tell = lambda _: None,
) -> Draft | None:
    """The revision that brings the database to the models; None where nothing differs.

    `spec` names the app, which is imported for its models; `plain` leaves what locks a table as
    Alembic writes it, where else it is made safe for an app that is running.

    Raises Conflict where the database is not at the head, SetupError where no models are found,
    and InvalidInput where something is to be said first: what was renamed, or what rows get.
    """
    with Steps(APP, tell).explained(), reading(url) as engine, engine.connect() as connection:
        made = _compared(app, connection, wishes, message, spec, tell)
        unsafe = made is not None and not plain and engine.dialect.name == "postgresql"
        return _made_safe(made) if made is not None and unsafe else made


def empty(app: AppHistory, url: str, *, message: str | None = None) -> Draft:
    """A revision that does nothing yet."""
    with Steps(APP, lambda _: None).explained(), reading(url) as engine:
        environment = Environment(app, engine.url)
        return _drafted(environment, _one_line(message or "") or "empty", None, None)


def _compared(
    app: AppHistory,
    connection: Connection,
    wishes: Wishes,
    message: str | None,
    spec: str | None,
    tell: Tell,
) -> Draft | None:
    environment = Environment(app, connection.engine.url)
    drafts: list[Draft | None] = []

    def work(heads: Any, context: MigrationContext) -> Sequence[Any]:
        if drafts:
            raise SetupError("env.py migrates several databases; a revision is made for one")
        logging.getLogger("alembic").setLevel(logging.WARNING)  # each change is told by us
        _notice(context, connection, tell)
        _check_at_head(environment.standing(tuple(sorted(heads))))
        import_app(spec, tell)
        comparison = Comparison(context, wishes, _history(environment.script), app.folder)
        upgrade, downgrade = comparison.operations(tell)
        drafts.append(_of(environment, comparison, (upgrade, downgrade), message, heads))
        return ()

    environment.run(work, connection=connection, dont_mutate=True)
    if not drafts:
        raise SetupError("env.py ran no migrations: it must call context.run_migrations()")
    return drafts[0]


def _of(
    environment: Environment,
    comparison: Comparison,
    both: tuple[ops.UpgradeOps, ops.DowngradeOps],
    message: str | None,
    heads: Any,
) -> Draft | None:
    if not both[0].ops:
        return None
    told = tuple(described(both[0]))
    draft = _drafted(
        environment, _one_line(message or "") or summary(told), comparison, (*both, heads)
    )
    return replace(draft, operations=told, warnings=tuple(comparison.warnings))


def _notice(context: MigrationContext, ours: Connection, tell: Tell) -> None:
    used = context.connection
    if used is not None and not same_database(used.engine.url, ours.engine.url):
        shown = used.engine.url.render_as_string(hide_password=True)
        tell(f"warning: compared with {shown}, which env.py opens, not BACKOFFICE_DATABASE_URL\n")


def _one_line(message: str) -> str:
    """As it can stand in the docstring of the file."""
    return " ".join(message.replace("\\", "/").replace('"', "'").split())


def _made_safe(draft: Draft) -> Draft:
    fix = fixed(draft.text)
    left = (f"line {each.line} may lock its table: {each.words}" for each in fix.left)
    return replace(draft, text=fix.text, warnings=(*draft.warnings, *left))


def _check_at_head(found: Standing) -> None:
    if found.state == "split":
        heads = ", ".join(found.heads)
        raise Conflict(
            f"the history has several heads ({heads}); join them by `alembic merge heads`, then "
            "try again",
            code="several_heads",
        )
    if found.state == "ahead":
        raise ahead(APP, ", ".join(found.current))
    if found.state == "pending":
        raise Conflict(
            f"revisions are pending ({len(found.pending)}), so that the database does not show "
            "what the models still lack; run `backoffice migrate up`, then try again",
            code="not_at_head",
        )


def _history(script: ScriptDirectory) -> list[str]:
    paths = {each.path for each in script.walk_revisions()}
    return [Path(each).read_text("utf-8", errors="replace") for each in sorted(paths)]


class _Rendered(Exception):
    """Not an error: it carries the text past what would write it."""

    def __init__(self, path: Path, text: str) -> None:
        super().__init__()
        self.path = path
        self.text = text


def _rendered(src: Path, dest: Path, **kw: Any) -> None:
    raise _Rendered(Path(dest), Template(filename=str(src)).render_unicode(**kw))  # noqa: S702


def _drafted(
    environment: Environment,
    message: str,
    comparison: Comparison | None,
    operations: tuple[ops.UpgradeOps, ops.DowngradeOps, Any] | None,
) -> Draft:
    desk = ScriptDirectory.from_config(environment.config)
    vars(desk)["_generate_template"] = _rendered  # nothing is written before it is known whole
    arguments = dict.fromkeys(("branch_label", "version_path", "rev_id", "depends_on"))
    given: dict[str, Any] = {**arguments, "message": message, "head": "head", "splice": False}
    making = RevisionContext(environment.config, desk, given)
    script = making.generated_revisions[0]
    if comparison is not None and operations is not None:
        script.upgrade_ops, script.downgrade_ops = operations[:2]
        _render_with(making, script, comparison, operations[2])
    try:
        list(making.generate_scripts())
    except _Rendered as rendered:
        imports = comparison.autogen.imports if comparison is not None else set()
        text = _with_imports(rendered.text, _used(imports, rendered.text))
        return Draft(str(script.rev_id), message, rendered.path, text, hooks=desk.hooks)
    raise SetupError("the app's script.py.mako was not asked for a revision")


def _render_with(
    making: RevisionContext, script: ops.MigrationScript, comparison: Comparison, heads: Any
) -> None:
    making._last_autogen_context = comparison.autogen
    _write_percents_once(comparison.context)
    tokens: Any = comparison.context.opts
    script.upgrade_ops_list[-1].upgrade_token = tokens["upgrade_token"]
    script.downgrade_ops_list[-1].downgrade_token = tokens["downgrade_token"]
    hook = tokens.get("process_revision_directives")
    if hook:
        hook(comparison.context, heads, making.generated_revisions)
    for each in making.generated_revisions:
        vars(each)["_needs_render"] = True


def _write_percents_once(context: MigrationContext) -> None:
    """Alembic writes SQL down as it is handed to the driver, each `%` twice: when the revision runs
    they would be doubled again."""
    impl = context.impl
    if not context.dialect.identifier_preparer._double_percents:
        return
    render = impl.render_ddl_sql_expr
    vars(impl)["render_ddl_sql_expr"] = lambda *given, **options: render(*given, **options).replace(
        "%%", "%"
    )


def _used(imports: set[str], text: str) -> list[str]:
    """The imports that the text lacks: an app's own template may leave them out."""
    lines = set(text.splitlines())
    return sorted(each for each in imports if each not in lines)


def _with_imports(text: str, imports: Sequence[str]) -> str:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise SetupError(
            f"script.py.mako gives no Python ({error.msg}, line {error.lineno}); mend it"
        ) from None
    if not imports:
        return text
    last = max(
        (
            each.end_lineno or 0
            for each in tree.body
            if isinstance(each, ast.Import | ast.ImportFrom)
        ),
        default=0,
    )
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:last], *(f"{each}\n" for each in imports), *lines[last:]])
