"""What can be told of an expression: whether each row gets a value of its own."""

from itertools import pairwise

from backoffice.migrations.lint.statements import Token, Words

#: Functions whose value stands fixed while a statement runs: PostgreSQL computes them once.
STEADY = frozenset(
    {
        *("now", "statement_timestamp", "transaction_timestamp", "current_timestamp"),
        *("current_date", "current_time", "localtime", "localtimestamp", "current_user"),
        *("session_user", "user", "current_setting", "current_schema", "current_database"),
        *("timezone", "date_trunc", "date_part", "to_char", "to_date", "to_timestamp", "extract"),
        *("lower", "upper", "concat", "coalesce", "nullif", "greatest", "least", "length", "md5"),
        *("replace", "substring", "substr", "trim", "btrim", "ltrim", "rtrim", "lpad", "rpad"),
        *("abs", "round", "floor", "ceil", "ceiling", "power", "sqrt", "mod", "sign", "trunc"),
        *("array", "row", "cast", "to_json", "to_jsonb", "json_build_object", "encode", "decode"),
        *("jsonb_build_object", "json_build_array", "jsonb_build_array", "make_interval", "int4"),
        *("make_date", "make_timestamp", "to_tsvector", "setweight", "int8", "text", "bool"),
        *("array_fill", "string_to_array", "hstore", "point", "box", "age", "numeric", "varchar"),
        *("interval", "timestamp", "timestamptz", "date", "time", "char", "character", "decimal"),
        *("bit", "varbit", "float", "int4range", "int8range", "tstzrange", "daterange", "numrange"),
        *("in", "any", "all", "not", "and", "or", "when", "then", "else", "is", "like", "case"),
        *("sha224", "sha256", "sha384", "sha512", "convert_to", "convert_from", "version"),
        *("pg_client_encoding", "inet_server_addr", "txid_current", "jsonb", "json", "jsonb_set"),
        *("split_part", "regexp_replace", "initcap", "reverse", "repeat", "left", "right", "chr"),
        *("format", "concat_ws", "translate", "position", "strpos", "ascii", "to_number", "uuid"),
        *("array_append", "array_to_string", "json_build_array", "json_object", "jsonb_object"),
        *("tsrange", "date_bin", "justify_days", "quote_literal", "pi", "exp", "ln", "log"),
    }
)


def volatile(expression: str) -> bool:
    """Whether a default has to be computed for each row, so that adding it rewrites the table.

    A function that is not known counts as volatile, as PostgreSQL's own are unless said otherwise.
    """
    words = Words(expression)
    left = words.rest()
    return any(
        token.kind in ("word", "name")
        and follower.text == "("
        and token.text not in STEADY
        and not _of_a_type(left, index)
        for index, (token, follower) in enumerate(pairwise(left))
    )


def _of_a_type(left: list[Token], index: int) -> bool:
    """Whether the parentheses hold the modifiers of a type: `'x'::character varying(20)`."""
    while index >= 0 and left[index].kind in ("word", "name"):
        index -= 1
    return index >= 0 and left[index].text == "::"
