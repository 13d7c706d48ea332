"""The app's own revisions are read from their files as Alembic reads them, without running any."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from backoffice.core import Conflict, SetupError
from backoffice.migrations import AppHistory
from backoffice.migrations.scripts import app_scripts, head, read_script, readable_scripts
from tests.migrations.projects import write_revision

INI = "[alembic]\nscript_location = %(here)s/alembic\npath_separator = newline\n"


@pytest.fixture
def app(tmp_path: Path) -> AppHistory:
    (tmp_path / "alembic.ini").write_text(INI)
    (tmp_path / "alembic" / "versions").mkdir(parents=True)
    return AppHistory(tmp_path / "alembic.ini")


def revision(app: AppHistory, text: str, name: str = "one.py") -> Path:
    path = app.folder / "alembic" / "versions" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "identity", "down"),
    [
        ("revision = 'a'\ndown_revision = None\n", "a", ()),
        ('revision: str = "a"\ndown_revision: str | None = "b"  # why\n', "a", ("b",)),
        ("revision = 'a'\ndown_revision = ('b', 'c')\n", "a", ("b", "c")),
        ("revision = 'a'\ndown_revision = (\n    'b',\n    'c',\n)\n", "a", ("b", "c")),
        ("down_revision = ['b']\nrevision = '''a'''\n", "a", ("b",)),
        ("def upgrade(): ...\nrevision = 'a'\ndown_revision = 'b'\n", "a", ("b",)),
        ("revision = 'a'; down_revision = 'b'\n", "a", ("b",)),
    ],
)
def test_ids_are_read_however_they_are_written(
    app: AppHistory, text: str, identity: str, down: tuple[str, ...]
) -> None:
    script = read_script(revision(app, text))
    assert script is not None
    assert (script.id, script.down) == (identity, down)


def test_the_same_graph_as_alembics(app: AppHistory) -> None:
    versions = app.folder / "alembic" / "versions"
    for identity, down in {"a": None, "b": "a", "c": "a"}.items():
        write_revision(versions, identity, down, doc=f"doc of {identity}")
    revision(app, '"""A merge."""\nrevision = "d"\ndown_revision = ("b", "c")\n', "d.py")
    revision(app, "not a revision\n", ".#lock.py")
    revision(app, "", "__init__.py")
    alembic = ScriptDirectory.from_config(Config(str(app.ini)))
    ours = app_scripts(app)
    assert head(ours) == alembic.get_current_head() == "d"
    expected = {each.revision: each.down_revision for each in alembic.walk_revisions()}
    assert {each.id: each.down for each in ours} == {
        name: down if isinstance(down, tuple) else (down,) if down else ()
        for name, down in expected.items()
    }
    assert {each.id: each.doc for each in ours}["d"] == "A merge"


def test_several_folders_are_read_and_those_below_where_the_configuration_says_so(
    app: AppHistory,
) -> None:
    assert app.ini is not None
    more = "version_locations = %(here)s/alembic/versions\n  %(here)s/more\n"
    app.ini.write_text(f"{INI}{more}recursive_version_locations = true\n")
    write_revision(app.folder / "more" / "2026", "b", "a")
    write_revision(app.folder / "alembic" / "versions", "a", None)
    assert {each.id for each in app_scripts(app)} == {"a", "b"}


def test_the_table_of_alembic_in_pyproject_is_read(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[tool.alembic]\nscript_location = "%(here)s/db"\n')
    write_revision(tmp_path / "db" / "versions", "a", None)
    assert [each.id for each in app_scripts(AppHistory(None, pyproject))] == ["a"]


def test_a_folder_in_a_package_is_found(app: AppHistory) -> None:
    assert app.ini is not None
    app.ini.write_text("[alembic]\nscript_location = shop.db:migrations\n")
    write_revision(app.folder / "shop" / "db" / "migrations" / "versions", "a", None)
    assert [each.id for each in app_scripts(app)] == ["a"]


def test_several_heads_are_a_conflict(app: AppHistory) -> None:
    for identity in ("a", "b"):
        write_revision(app.folder / "alembic" / "versions", identity, None)
    with pytest.raises(Conflict, match=r"heads \(a, b\).*alembic merge heads"):
        head(app_scripts(app))


def test_an_id_that_is_computed_is_left_to_alembic(app: AppHistory) -> None:
    write_revision(app.folder / "alembic" / "versions", "a", None)
    revision(app, "import os\nrevision = os.name\ndown_revision = 'a'\n", "b.py")
    with pytest.raises(SetupError, match=r"b\.py: .* must be written out"):
        app_scripts(app)
    found, complete = readable_scripts(app)
    assert ([each.id for each in found], complete) == (["a"], False)


@pytest.mark.parametrize(
    ("head", "doc"), [('"""What it does.\n\nMore."""\n', "What it does"), ("", "")]
)
def test_a_notice_above_does_not_hide_what_a_revision_says_of_itself(
    app: AppHistory, head: str, doc: str
) -> None:
    notice = "# Licensed to one\n#\n# or more\n" * 5
    body = "revision = 'a'\ndown_revision = None\n" + "TEXT = (\n    'another'\n)\n" * 9
    found = read_script(revision(app, f"{notice}\n{head}{body}"))
    assert found is not None
    assert found.doc == doc


def test_a_mark_of_its_encoding_is_no_part_of_a_file(app: AppHistory) -> None:
    found = read_script(revision(app, "\ufeffrevision = 'a'\ndown_revision = ('b', 'c')\n"))
    assert found is not None
    assert (found.id, found.down) == ("a", ("b", "c"))
