"""How a database is asked for all that it holds: rows of a name and what stands there."""

# ruff: noqa: S608 - put together of what stands here alone

_NAMESPACE = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'"
_NO_EXTENSION = (
    "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = {0}.oid AND d.deptype = 'e' "
    "AND d.classid = '{1}'::regclass)"
)
_NAME = "CASE n.nspname WHEN current_schema() THEN '' ELSE n.nspname || '.' END || "
_OF_A_TABLE = (
    "JOIN pg_class c ON c.oid = {0} JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"WHERE {_NAMESPACE} AND {_NO_EXTENSION.format('c', 'pg_class')}"
)

POSTGRESQL = {
    "table": (
        f"SELECT {_NAME} c.relname, CASE c.relkind WHEN 'p' THEN 'partitioned' ELSE '' END "
        f"FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_NAMESPACE} "
        f"AND c.relkind IN ('r', 'p') AND {_NO_EXTENSION.format('c', 'pg_class')}"
    ),
    "column": (
        f"SELECT {_NAME} c.relname || '.' || a.attname, concat_ws(', ', "
        "format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END, "
        "'default ' || pg_get_expr(e.adbin, e.adrelid), CASE a.attidentity WHEN '' THEN NULL "
        "ELSE 'identity' END, CASE a.attgenerated WHEN '' THEN NULL ELSE 'generated' END) "
        "FROM pg_attribute a LEFT JOIN pg_attrdef e "
        "ON e.adrelid = a.attrelid AND e.adnum = a.attnum "
        f"{_OF_A_TABLE.format('a.attrelid')} AND c.relkind IN ('r', 'p') AND a.attnum > 0 "
        "AND NOT a.attisdropped"
    ),
    "constraint": (
        f"SELECT {_NAME} c.relname || '.' || k.conname, pg_get_constraintdef(k.oid) "
        f"FROM pg_constraint k {_OF_A_TABLE.format('k.conrelid')} AND k.contype <> 'n'"
    ),
    "index": (
        f"SELECT {_NAME} i.relname, pg_get_indexdef(x.indexrelid) || "
        "CASE WHEN x.indisvalid THEN '' ELSE ', invalid' END FROM pg_index x "
        "JOIN pg_class i ON i.oid = x.indexrelid "
        f"{_OF_A_TABLE.format('x.indrelid')} AND NOT EXISTS "
        "(SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid "
        "AND k.contype IN ('p', 'u', 'x'))"
    ),
    "enum": (
        f"SELECT {_NAME} t.typname, string_agg(quote_literal(e.enumlabel), ', ' "
        "ORDER BY e.enumsortorder) FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid "
        f"JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {_NAMESPACE} "
        f"AND {_NO_EXTENSION.format('t', 'pg_type')} GROUP BY 1"
    ),
    "view": (
        f"SELECT {_NAME} c.relname, pg_get_viewdef(c.oid) FROM pg_class c "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_NAMESPACE} "
        f"AND c.relkind IN ('v', 'm') AND {_NO_EXTENSION.format('c', 'pg_class')}"
    ),
    "sequence": (
        f"SELECT {_NAME} c.relname, '' FROM pg_class c "
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_NAMESPACE} "
        f"AND c.relkind = 'S' AND {_NO_EXTENSION.format('c', 'pg_class')}"
    ),
    "trigger": (
        f"SELECT {_NAME} c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid) "
        f"FROM pg_trigger t {_OF_A_TABLE.format('t.tgrelid')} AND NOT t.tgisinternal"
    ),
    "function": (
        f"SELECT {_NAME} p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', "
        f"md5(p.prosrc) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE {_NAMESPACE} AND p.prokind <> 'a' AND {_NO_EXTENSION.format('p', 'pg_proc')}"
    ),
}

_TABLES = (
    "FROM sqlite_master m {0} WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)

SQLITE = {
    "table": f"SELECT m.name, '' {_TABLES.format('')}",
    "column": (
        "SELECT m.name || '.' || c.name, c.type || CASE c.\"notnull\" WHEN 1 THEN ', not null' "
        "ELSE '' END || coalesce(', default ' || c.dflt_value, '') || "
        "CASE WHEN c.pk > 0 THEN ', key ' || c.pk ELSE '' END || "
        "CASE WHEN c.hidden > 0 THEN ', generated' ELSE '' END "
        f"{_TABLES.format('JOIN pragma_table_xinfo(m.name) c')}"
    ),
    "constraint": (
        "SELECT m.name || '.foreign:' || group_concat(f.\"from\"), 'references ' || f.\"table\" || "
        "' (' || coalesce(group_concat(f.\"to\"), '') || ') ' || f.on_update || ' ' || f.on_delete "
        f"{_TABLES.format('JOIN pragma_foreign_key_list(m.name) f')} GROUP BY m.name, f.id "
        "UNION ALL SELECT m.name || '.unique:' || "
        "(SELECT group_concat(name) FROM pragma_index_info(i.name)), 'unique' "
        f"{_TABLES.format('JOIN pragma_index_list(m.name) i')} AND i.origin = 'u'"
    ),
    "index": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "view": "SELECT name, sql FROM sqlite_master WHERE type = 'view'",
    "trigger": "SELECT tbl_name || '.' || name, sql FROM sqlite_master WHERE type = 'trigger'",
}
#: The tables of which only the statement says what their CHECKs are.
CHECKED = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%CHECK%'"
