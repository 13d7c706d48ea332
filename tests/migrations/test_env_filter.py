"""An env.py is told once to leave the packages' tables out, and is otherwise left as it is."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import alembic
import pytest

from backoffice.migrations.adoption import diff, filtered, rewrite, source

TEMPLATES = Path(alembic.__file__).parent / "templates"


def changed(before: str) -> list[str]:
    """The lines that the change takes away and adds, but for the function."""
    after = filtered(before)
    assert after is not None
    compile(after, "env.py", "exec")
    lines = diff(Path("env.py"), before, after).splitlines()[2:]
    return [each for each in lines if each[0] in "+-" and "configure" not in each and "out" in each]


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_the_stock_templates(template: str) -> None:
    before = (TEMPLATES / template / "env.py").read_text()
    after = filtered(before)
    assert after is not None
    assert after.count("include_object=leave_packages_out()") == 1
    assert after.count("def leave_packages_out") == 1
    compile(after, "env.py", "exec")


def test_arguments_on_lines_of_their_own_stay_so() -> None:
    before = (
        "from alembic import context\n"
        "context.configure(\n    connection=connection,\n    target_metadata=metadata,\n)\n"
    )
    assert changed(before)[-1] == "+    include_object=leave_packages_out(),"


def test_a_filter_that_is_there_is_asked_about_everything_else() -> None:
    before = (
        "from alembic import context\n"
        "context.configure(connection=connection, include_object=mine, compare_type=True)\n"
    )
    after = filtered(before)
    assert after is not None
    assert "include_object=leave_packages_out(mine), compare_type=True" in after


def test_options_that_come_in_a_dictionary_keep_theirs() -> None:
    before = "from alembic import context\ncontext.configure(connection=c, **conf_args)\n"
    after = filtered(before)
    assert after is not None
    asked: list[str] = []
    configured: dict[str, Callable[..., bool]] = {}
    scope = {
        "c": None,
        "conf_args": {"include_object": lambda item, name, *_: asked.append(name)},
        "context": SimpleNamespace(configure=lambda **options: configured.update(options)),
    }
    exec(after.partition("\n")[2], scope)
    assert configured["include_object"](None, "backoffice_user", "table", True, None) is False
    configured["include_object"](None, "book", "table", True, None)
    assert asked == ["book"]


def test_what_is_said_beside_the_last_import_stays_there() -> None:
    after = filtered("import models  # noqa: F401\nalembic.context.configure(connection=c)\n")
    assert after is not None
    assert after.startswith("import models  # noqa: F401\n\n\ndef leave_packages_out")


def test_what_others_configure_is_left_alone() -> None:
    assert filtered("structlog.configure(**options)\n") is None


def test_encoding_line_ends_and_mode_stay(tmp_path: Path) -> None:
    path = tmp_path / "env.py"
    path.write_bytes("# coding: latin-1\r\n# \xe9t\xe9\r\n".encode("latin-1"))
    path.chmod(0o750)
    rewrite(path, source(path) + "pass\n")
    assert path.read_bytes() == "# coding: latin-1\r\n# \xe9t\xe9\r\npass\r\n".encode("latin-1")
    assert path.stat().st_mode & 0o777 == 0o750
    assert list(tmp_path.iterdir()) == [path]


def test_every_call_that_has_a_connection_is_changed() -> None:
    call = "context.configure(connection, target_metadata=m)\n"
    after = filtered(f"from alembic import context\n{call}if tenant:\n    {call}")
    assert after is not None
    assert after.count("include_object=leave_packages_out()") == 2


@pytest.mark.parametrize(
    "before",
    [
        "from alembic import context\ncontext.configure(connection=c, **options())\n",
        "from alembic import context\ncontext.configure(connection=c, **options, **more)\n",
        "from alembic import context\ncontext.configure(connection=c)\nprint 1\n",
        "from alembic import context\nrun(context)\n",
    ],
)
def test_what_cannot_be_read_takes_a_person(before: str) -> None:
    assert filtered(before) is None


def test_a_second_time_changes_nothing() -> None:
    once = filtered("from alembic import context\ncontext.configure(connection=c)\n")
    assert once is not None
    assert filtered(once) == once


def test_the_function_leaves_out_what_is_a_packages() -> None:
    text = filtered("from alembic import context\ncontext.configure(connection=c)\n")
    assert text is not None
    scope: dict[str, object] = {}
    exec(text.rpartition("context.configure")[0], scope)
    asked: list[str] = []
    make = scope["leave_packages_out"]
    assert callable(make)

    def own(item: object, name: str, *rest: object) -> bool:
        asked.append(name)
        return True

    mine = make(own)
    names = ("backoffice_user", "alembic_version_backoffice_auth", "book")
    assert [mine(None, each, "table", True, None) for each in names] == [False, False, True]
    assert mine(None, "backoffice_id", "column", True, None)
    assert asked == ["book", "backoffice_id"]
