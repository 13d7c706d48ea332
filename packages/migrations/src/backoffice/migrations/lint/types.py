"""Which changes of a column's type only change the catalog."""

_SAME = {
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "bool": "boolean",
    "decimal": "numeric",
    "float8": "double precision",
    "float": "double precision",
    "float4": "real",
    "timestamptz": "timestamp with time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "time": "time without time zone",
    "varbit": "bit varying",
    "serial": "integer",
    "bigserial": "bigint",
    "smallserial": "smallint",
}
#: A type without a modifier may hold anything but these, which then hold one.
_ONE = {"character", "bit"}
_TIMESTAMPS = {"timestamp with time zone", "timestamp without time zone"}
#: To the microsecond, which is what one without a modifier is.
_FINEST = (6,)
#: PostgreSQL's pg_cast, binary coercible.
_COERCIBLE = {
    ("character varying", "text"),
    ("text", "character varying"),
    ("cidr", "inet"),
    ("xml", "text"),
    ("xml", "character varying"),
    ("character", "character"),
}


def canonical(type_: str) -> tuple[str, tuple[int, ...]]:
    """The name of a type as PostgreSQL has it, and its modifiers."""
    told = " ".join(type_.lower().split()).removeprefix("pg_catalog.")
    told, array, _ = told.partition("[")
    name, _, behind = told.partition("(")
    inside, _, rest = behind.partition(")")
    name = " ".join(f"{name} {rest}".split())
    modifiers = tuple(int(each) for each in inside.split(",") if each.strip().isdigit())
    return _SAME.get(name, name) + ("[]" if array else ""), modifiers


def rewrites(old: str, new: str, utc: bool | None = None) -> bool:
    """Whether the change writes the table anew; True where that cannot be told.

    A change between timestamps with and without time zone is one, but in a session in UTC.
    """
    if not old:
        return True
    (before, had), (after, has) = canonical(old), canonical(new)
    if {before, after} == _TIMESTAMPS and utc and had == has:
        return False
    if before != after:
        return (before, after) not in _COERCIBLE or bool(has)
    if had == has or before in ("text", "integer", "bigint", "boolean", "jsonb", "json", "uuid"):
        return False
    if before in _ONE or (before.endswith("[]") and has):
        return True
    return not _wider(before, had, has)


def _wider(name: str, had: tuple[int, ...], has: tuple[int, ...]) -> bool:
    if not has or (name in _TIMESTAMPS and has >= _FINEST):
        return True
    if not had:
        return False
    if name == "numeric":
        scale_had, scale_has = (*had, 0)[1], (*has, 0)[1]
        return has[0] >= had[0] and scale_has == scale_had
    return has[0] >= had[0]
