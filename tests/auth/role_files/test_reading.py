"""A file of roles is read whole, or refused with the line and key of everything that is wrong."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest

from backoffice.auth.role_files.documents import Notation, document, opened
from backoffice.auth.role_files.reading import terms
from backoffice.auth.role_files.terms import RoleTerms, Terms
from backoffice.core import InvalidInput, NotFound

TOML = """
[roles.reader]
permissions = ["books:read"]

[roles."support staff"]
description = "Helps readers"
permissions = [
    "orders:read",  # nothing more
    "orders:refund",
]
includes = ["reader"]
holders = ["ann@example.com", { user = "BOB@example.com", expires = 2027-01-31T12:00:00+01:00 }]

[users."cy@example.com"]
permissions = ["books:*", { permission = "orders:read", expires = 2027-01-31T00:00:00Z }]
"""
YAML = """
roles:
  reader:
    permissions: [books:read]
  support staff:
    description: Helps readers
    permissions:
      - orders:read  # nothing more
      - orders:refund
    includes: [reader]
    holders:
      - ann@example.com
      - {user: BOB@example.com, expires: 2027-01-31T12:00:00+01:00}
users:
  cy@example.com:
    permissions: ["books:*", {permission: orders:read, expires: 2027-01-31T00:00:00Z}]
"""
SAID = Terms(
    roles={
        "reader": RoleTerms(permissions=frozenset({"books:read"})),
        "support staff": RoleTerms(
            description="Helps readers",
            permissions=frozenset({"orders:read", "orders:refund"}),
            includes=frozenset({"reader"}),
            holders={
                "ann@example.com": None,
                "bob@example.com": datetime(2027, 1, 31, 11, tzinfo=UTC),
            },
        ),
    },
    users={
        "cy@example.com": {
            "books:*": None,
            "orders:read": datetime(2027, 1, 31, tzinfo=UTC),
        }
    },
)


def read(text: str, notation: Notation = "toml") -> Terms:
    return terms(document(dedent(text), notation, f"roles.{notation}"))


def faults(text: str, notation: Notation = "toml") -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        read(text, notation)
    assert refused.value.code == "invalid_role_file"
    return refused.value.message.splitlines()


@pytest.mark.parametrize(("text", "notation"), [(TOML, "toml"), (YAML, "yaml")])
def test_a_file_says_the_same_in_both_notations(text: str, notation: Notation) -> None:
    assert read(text, notation) == SAID


def test_the_files_ending_says_what_it_is_written_in(tmp_path: Path) -> None:
    for name, text in (("a.toml", TOML), ("a.yaml", YAML), ("a.yml", YAML), ("roles", TOML)):
        (tmp_path / name).write_text("\ufeff" + text.replace("\n", "\r\n"), "utf-8")
        assert terms(opened(str(tmp_path / name))) == SAID


def test_every_fault_is_told_with_its_line_and_key() -> None:
    assert faults("""
        [roles.reader]
        permisions = ["books:read"]

        [roles."support staff"]
        description = 3
        permissions = [
            "orders:read",
            "Orders",  # a comment with ] and "
            7, "orders:read",
        ]
        includes = "reader"
        holders = [{ user = "ann@example.com", expires = 2027-01-31 }, "nobody", {}]

        [users."Cy@example.com"]
        roles = ["reader"]
        """) == [
        "roles.toml, line 3: roles.reader.permisions: is not known here; did you mean permissions?"
        "; known are description, permissions, includes, holders",
        'roles.toml, line 6: roles."support staff".description: is a number, and must be a text',
        "roles.toml, line 9: roles.\"support staff\".permissions[2]: 'Orders' is not a permission; "
        "write resource:action in lower case, such as books:read, or books:* for every action, or "
        "* for everything",
        'roles.toml, line 10: roles."support staff".permissions[3]: is a number, and must be a '
        "text in quotation marks",
        'roles.toml, line 10: roles."support staff".permissions[4]: orders:read is there twice',
        'roles.toml, line 12: roles."support staff".includes: is a text, and must be a list',
        'roles.toml, line 13: roles."support staff".holders[1].expires: is a date, and must be a '
        "moment; write it with its zone, as 2027-01-31T00:00:00Z",
        'roles.toml, line 13: roles."support staff".holders[2]: This is no e-mail address: An '
        "email address must have an @-sign.",
        'roles.toml, line 13: roles."support staff".holders[3].user: is nothing, and must be a '
        "text in quotation marks",
        'roles.toml, line 15: users."Cy@example.com": is kept as cy@example.com; write it so',
        'roles.toml, line 16: users."Cy@example.com".roles: is given by the role\'s `holders`',
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("roles:\n  a:\n    permissions: [x]\n", 3),
        ("roles:\n  a:\n    permissions:\n      - a:b\n      - c\n", 5),
        ("roles:\n  a: {}\n  no: {}\n", 3),
        ("roles:\n  a: {}\n  b:\n    permissions: yes\n", 4),
        ("roles:\n  a:\n    holders: [{user: a@b.example, expires: 2027-01-31}]\n", 3),
    ],
)
def test_a_fault_in_yaml_has_its_line_too(text: str, line: int) -> None:
    [fault] = faults(text, "yaml")
    assert fault.startswith(f"roles.yaml, line {line}: roles.")


@pytest.mark.parametrize(
    ("text", "notation", "why"),
    [
        ("[roles.a\n", "toml", "not TOML: .*line 1"),
        ("[roles.a]\n[roles.a]\n", "toml", "not TOML: .*line 2"),
        ("roles = 1", "toml", "line 1: roles: is a number, and must be a table"),
        ("roles.a = []", "toml", "line 1: roles.a: is a list, and must be a table"),
        ("", "toml", r"roles.toml: has no table \[roles\]"),
        ("", "yaml", r"roles.yaml: has no table \[roles\]"),
        ("[roles]\n[project]\n", "toml", "line 2: project: is not known here"),
        ("[roles.' a']", "toml", 'line 1: roles." a": begins or ends with a space'),
        ("[roles.'a@b']", "toml", 'line 1: roles."a@b": a role\'s name is'),
        ("[roles]\na = " + "[" * 5000 + "]" * 5000, "toml", "too deep"),
        ("roles: " + "[" * 5000 + "]" * 5000, "yaml", "too deep"),
        ("roles: {a: {}, a: {}}", "yaml", "not YAML: found 'a' twice .at line 1, column 16."),
        ("roles: {a: &x {}, b: *x}", "yaml", r"an alias, \*x; write out"),
        ("roles: [", "yaml", "not YAML: .*line 2"),
        ("roles: !!python/name:os.system {}", "yaml", "tag .*os.system is not taken .at line 1"),
        ("roles: {a: {holders: [{user: a@b.example, expires: 2027-99-31}]}}", "yaml", "not YAML"),
        ("a: 1\n---\nb: 2\n", "yaml", "not YAML"),
        ("roles: !!bool maybe", "yaml", "'maybe' is not what the tag .*bool says .at line 1"),
        ("roles: !!timestamp then", "yaml", "'then' is not what the tag .*timestamp says"),
        ("roles: !!int ''", "yaml", "'' is not what the tag .*int says"),
        (f"roles = {'9' * 5000}", "toml", "not TOML: Exceeds the limit"),
        (
            "roles.a.holders = [{user = 'a@b.example', expires = 9999-12-31T23:00:00-12:00}]",
            "toml",
            r"line 1: roles.a.holders\[1\].expires: is in no year from 1 to 9999",
        ),
        ("- roles", "yaml", "is a list, and must be a table"),
        ("roles: \x00", "yaml", "not YAML"),
    ],
)
def test_what_is_no_such_file_is_refused(text: str, notation: Notation, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read(text, notation)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        opened(str(tmp_path / "none.toml"))
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        opened(str(tmp_path))
    (tmp_path / "roles.toml").write_bytes(b"[roles.caf\xe9]")
    with pytest.raises(InvalidInput, match="not text in UTF-8: byte 10"):
        opened(str(tmp_path / "roles.toml"))


def test_of_many_faults_the_first_are_told() -> None:
    told = faults("[roles]\n" + "".join(f"r{n} = {n}\n" for n in range(30)))
    assert (len(told), told[-1]) == (21, "and 10 more")
