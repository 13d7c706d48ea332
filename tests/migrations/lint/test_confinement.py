"""A revision that is only read changes nothing: not by ways of its own either."""

from pathlib import Path

import pytest

from backoffice.migrations.lint.reading import read
from tests.migrations.lint.revisions import POSTGRESQL, write

CONNECTS = 'sa.create_engine("sqlite:///{place}").connect().exec_driver_sql("CREATE TABLE x (y)")'


@pytest.mark.parametrize(
    "body",
    [
        CONNECTS,
        'import sqlite3\nsqlite3.connect("{place}").execute("CREATE TABLE x (y)")',
        'open("{place}", "w").write("x")',
        'from pathlib import Path\nPath("{place}").mkdir()',
        'import os\nos.system("touch {place}")',
        'import subprocess\nsubprocess.run(["touch", "{place}"])',
    ],
)
def test_a_revision_reaches_nothing_but_its_connection(body: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    revision = write(tmp_path, f'{body.format(place=place)}\nop.drop_table("book")')
    found = read(revision, POSTGRESQL)
    assert not place.exists()
    assert found.unread[0].reason.startswith("ConfinedError: ")
    assert [each.name for each in found.upgrade] == ["drop_table"]


def test_what_a_revision_imports_does_not_connect_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "connecting.py").write_text(
        f"import sqlalchemy as sa\n{CONNECTS.format(place=place)}\n"
    )
    found = read(write(tmp_path, "import connecting"), POSTGRESQL)
    assert not place.exists()
    assert found.unread[0].reason.startswith("import of connecting: ConfinedError")


def test_whoever_is_not_read_may_do_as_before(tmp_path: Path) -> None:
    import sqlite3

    read(write(tmp_path, 'op.drop_table("book")'), POSTGRESQL)
    sqlite3.connect(tmp_path / "place").close()
    assert (tmp_path / "place").exists()


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, 'op.drop_table("book")')
    path.write_text(path.read_text(), "utf-8-sig")
    assert not read(path, POSTGRESQL).unread
