"""Each key and item of a TOML document is found on the line on which it stands."""

import tomllib
from typing import Any

from backoffice.auth.role_files.toml_lines import Path, toml_lines

HARD = '''
a = 1.5
"b.c" . 'd' = "]# not a comment \\" " # [not.a.table]
moment = 2027-01-31 00:00:00.5Z
[table."x y"] # }
text = """
[inside]
b = 3 \\"""
"""""
raw = \'\'\'
c = """ ' \'\'\'
list = [ 1, [ 2,
  3 ], # ]
  { k = "}", l = [
    4 ] },
]

[[many]]
n = 1
[many.deep]
o = 2
[[many]]
n = 3
[[many.inner]]
p = { q.r = 4, "" = 5 }
[late.first]
z = 1
[late]
y = 2
'''


def test_the_lines_of_a_hard_document() -> None:
    lines = toml_lines(HARD)
    found = {".".join(map(str, path)): line for path, line in lines.items()}
    assert found == {
        "a": 2,
        "b.c": 3,
        "b.c.d": 3,
        "moment": 4,
        "table": 5,
        "table.x y": 5,
        "table.x y.text": 6,
        "table.x y.raw": 10,
        "table.x y.list": 12,
        "table.x y.list.0": 12,
        "table.x y.list.1": 12,
        "table.x y.list.1.0": 12,
        "table.x y.list.1.1": 13,
        "table.x y.list.2": 14,
        "table.x y.list.2.k": 14,
        "table.x y.list.2.l": 14,
        "table.x y.list.2.l.0": 15,
        "many": 18,
        "many.0": 18,
        "many.0.n": 19,
        "many.0.deep": 20,
        "many.0.deep.o": 21,
        "many.1": 22,
        "many.1.n": 23,
        "many.1.inner": 24,
        "many.1.inner.0": 24,
        "many.1.inner.0.p": 25,
        "many.1.inner.0.p.q": 25,
        "many.1.inner.0.p.q.r": 25,
        "many.1.inner.0.p.": 25,
        "late": 28,
        "late.first": 26,
        "late.first.z": 27,
        "late.y": 29,
    }


def test_everything_that_is_read_has_a_line() -> None:
    assert set(toml_lines(HARD)) == paths(tomllib.loads(HARD))


def paths(data: Any, path: Path = ()) -> set[Path]:
    if isinstance(data, dict):
        inner = data.items()
    elif isinstance(data, list):
        inner = dict(enumerate(data)).items()
    else:
        return {path}
    return {path}.union(*(paths(value, (*path, key)) for key, value in inner)) - {()}
