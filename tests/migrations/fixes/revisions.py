"""Revisions as people write them, and what PostgreSQL holds after them."""

from textwrap import dedent, indent

from tests.migrations.projects import Look

TABLES = """
    op.create_table("author", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table(
        "book",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("title", sa.String(50)),
        sa.Column("pages", sa.Integer(), server_default="7", nullable=False),
        sa.Column("author_id", sa.Integer()),
    )
    op.execute("INSERT INTO author SELECT generate_series(1, 5)")
    op.execute(
        "INSERT INTO book SELECT each, 'title ' || each, each, nullif(each % 6, 0)"
        " FROM generate_series(1, 3000) each"
    )
"""

#: Of tables, indexes, constraints, triggers and functions: all that a revision may leave behind.
CATALOG = """
SELECT 'column ' || attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'index ' || indexrelid::regclass, pg_get_indexdef(indexrelid) || indisvalid
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace
UNION ALL SELECT 'constraint ' || conrelid::regclass || '.' || conname,
    pg_get_constraintdef(oid) || convalidated
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL SELECT 'trigger ' || tgname, tgrelid::regclass::text FROM pg_trigger
WHERE NOT tgisinternal
UNION ALL SELECT 'function ' || proname, '' FROM pg_proc
WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'enum ' || enumtypid::regtype, string_agg(enumlabel, ',' ORDER BY enumsortorder)
FROM pg_enum GROUP BY enumtypid
ORDER BY 1
"""


def revision(
    upgrade: str, downgrade: str = "pass", identity: str = "stock_0002", down: str = "stock_0001"
) -> str:
    """A revision file of these bodies."""
    return (
        f'"""Change things"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        f"revision = {identity!r}\ndown_revision = {down!r}\n\n\n"
        f"def upgrade() -> None:\n{indent(dedent(upgrade).strip(), '    ')}\n\n\n"
        f"def downgrade() -> None:\n{indent(dedent(downgrade).strip(), '    ')}\n"
    )


def body(text: str) -> str:
    """The body of upgrade()."""
    begun = text.index("def upgrade")
    return dedent(text[text.index("\n", begun) + 1 : text.index("\n\n\n", begun)]) + "\n"


def catalog(look: Look) -> dict[str, str]:
    """What the database holds, each thing with its definition."""
    return {str(name): str(told) for name, told in look.rows(CATALOG)}
