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

INDEX = 'op.create_index("ix_title", "book", ["title"])'
UNIQUE = 'op.create_unique_constraint("uq_title", "book", ["title"], deferrable=True)'
UNNAMED = 'op.create_unique_constraint(None, "book", ["title"])'
FOREIGN_KEY = (
    'op.create_foreign_key(None, "book", "author", ["author_id"], ["id"], ondelete="CASCADE")'
)
NAMED_KEY = 'op.create_foreign_key("fk_Author", "book", "author", ["author_id"], ["id"])'
CHECK = 'op.create_check_constraint("positive", "book", "pages > 0")'
REQUIRED = 'op.alter_column("book", "title", existing_type=sa.String(50), nullable=False)'
VOLATILE = """op.add_column("book", sa.Column(
    "token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))"""
REFERRING = 'op.add_column("book", sa.Column("other", sa.Integer, sa.ForeignKey("author.id")))'
ALONE = 'op.add_column("book", sa.Column("isbn", sa.String(13), unique=True))'
WIDER = """op.alter_column("book", "pages",
    existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)"""
USING = """op.alter_column("book", "title", existing_type=sa.String(50), type_=sa.Integer(),
    existing_nullable=True, postgresql_using="substr(title, 7)::integer")"""
QUOTED = """
op.execute("COMMENT ON COLUMN book.title IS 'it''s how it is called'")
op.alter_column("book", "title", existing_type=sa.String(50), type_=sa.Integer(),
    existing_nullable=True, postgresql_using='substr(book."title", 7)::integer + ID * 0')
"""
COLLATED = """op.alter_column("book", "title", existing_type=sa.String(50),
    type_=sa.String(50, collation="C"), existing_nullable=True)"""
ROUNDED = """
op.add_column("book", sa.Column("share", sa.REAL()))
op.execute("UPDATE book SET share = 16777217")
"""
CONSTANT = "op.execute(\"UPDATE book SET title = 'none' WHERE id % 7 = 0\")"
EMPTY = 'op.execute("UPDATE book SET author_id = NULLIF(pages, 5) WHERE author_id IS NULL")'
RAW = """
op.execute("CREATE UNIQUE INDEX ix_raw ON public.book USING btree (lower(title)) WHERE id > 5")
op.execute('CREATE INDEX "ix_Quoted" ON "book" (id)')
op.execute("ALTER TABLE book ADD CONSTRAINT positive CHECK (pages IN (1, 2) OR pages > 2)")
op.execute("ALTER TABLE book ADD CONSTRAINT key FOREIGN KEY (author_id) REFERENCES author (id);")
op.execute('ALTER TABLE public."book" ADD CONSTRAINT once UNIQUE (title, id)')
op.execute("alter table book alter column title set not null")
op.execute("ALTER TABLE book ADD CONSTRAINT big CHECK (id > 0) NOT VALID")
op.execute("ALTER TABLE book VALIDATE CONSTRAINT big")
"""
BATCH = """
with op.batch_alter_table("book", schema=None) as batch_op:
    batch_op.add_column(sa.Column("isbn", sa.String(13)))
    batch_op.create_index(batch_op.f("ix_book_isbn"), ["isbn"], unique=True)
    batch_op.create_foreign_key("fk_author", "author", ["author_id"], ["id"])
    batch_op.drop_column("pages")
"""
MIXED = """
op.add_column("book", sa.Column("isbn", sa.String(13)))
op.execute("INSERT INTO author VALUES (99)")
op.create_index("ix_isbn", "book", ["isbn"])
op.execute("UPDATE book SET isbn = id::text")
op.drop_column("book", "pages")
op.alter_column("book", "isbn", nullable=False)
op.execute("INSERT INTO author VALUES (100)")
"""

KEYS = """
op.create_foreign_key("fk", "book", "author", ["author_id"], ["id"])
op.drop_constraint("fk", "book")
op.create_foreign_key("fk", "book", "author", ["author_id"], ["id"], ondelete="CASCADE")
op.drop_column("book", "pages")
op.create_index("ix_title", "book", ["title"])
"""

OPERATIONS = {
    "index": INDEX,
    "unique": UNIQUE,
    "unnamed_unique": UNNAMED,
    "foreign_key": FOREIGN_KEY,
    "named_key": NAMED_KEY,
    "check": CHECK,
    "required": REQUIRED,
    "volatile": VOLATILE,
    "referring": REFERRING,
    "unique_column": ALONE,
    "wider": WIDER,
    "using": USING,
    "quoted": QUOTED,
    "rounded": ROUNDED,
    "constant": CONSTANT,
    "empty": EMPTY,
    "raw": RAW,
    "batch": BATCH,
    "mixed": MIXED,
    "keys": KEYS,
}

#: Of tables, indexes, constraints, triggers and functions: all that a revision may leave behind.
CATALOG = """
SELECT 'column ' || attrelid::regclass || '.' || attname, format_type(atttypid, atttypmod)
    || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
    || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
    || coalesce(' COLLATE ' || attcollation::regcollation, '')
    || coalesce(' COMMENT ' || col_description(attrelid, attnum), '')
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
