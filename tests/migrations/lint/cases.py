"""Bodies of upgrade(), each with the ids of what is to be found in it and of nothing else."""

AUTOCOMMIT = "with op.get_context().autocommit_block():\n    "
#: The history that they follow.
BEFORE = """
op.create_table("author", sa.Column("id", sa.Integer(), primary_key=True))
op.create_table(
    "book",
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, server_default="x"),
    sa.Column("pages", sa.Integer()),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("author_id", sa.Integer()),
    sa.Column("at", sa.DateTime()),
)
op.execute("CREATE TYPE mood AS ENUM ('glad')")
op.execute("ALTER TABLE book ADD CONSTRAINT ck_old CHECK (pages IS NOT NULL) NOT VALID")
op.execute("CREATE TABLE cover (id integer, of tint)")
op.create_index("ix_old", "book", ["pages"])
"""
ON_POSTGRESQL: dict[str, tuple[str, ...]] = {
    # Catalog alone, or tables that are new: nothing to say.
    'op.create_table("new", sa.Column("id", sa.Integer(), primary_key=True))': (),
    'op.add_column("book", sa.Column("a", sa.Integer()))': (),
    'op.add_column("book", sa.Column("a", sa.Integer(), server_default="7", nullable=False))': (),
    'op.add_column("book", sa.Column("a", sa.DateTime(), server_default=sa.func.now()))': (),
    'op.add_column("book", sa.Column("a", sa.Integer(), sa.ForeignKey("author.id")))': ("BM103",),
    'op.alter_column("book", "name", type_=sa.String(80))': (),
    'op.alter_column("book", "name", type_=sa.Text())': (),
    'op.alter_column("book", "price", type_=sa.Numeric(12, 2))': (),
    "op.execute(\"SET TIME ZONE 'UTC'\")\n"
    'op.alter_column("book", "at", type_=sa.DateTime(timezone=True))': (),
    'op.alter_column("book", "at", type_=sa.DateTime(timezone=True))': ("BM108",),
    'op.execute("SET LOCAL timezone = UTC")\nop.execute("SET timezone TO \'Europe/Berlin\'")\n'
    'op.alter_column("book", "at", type_=sa.DateTime(timezone=True))': ("BM108",),
    'op.alter_column("other", "a", existing_type=sa.String(9), type_=sa.String(10))': (),
    'op.alter_column("book", "name", nullable=True)': (),
    'op.alter_column("book", "name", nullable=False)': (),
    'op.drop_constraint("ck_old", "book")': (),
    'op.drop_index("ix_old", table_name="book")': (),
    'op.execute("UPDATE book SET pages = 1 WHERE id = 3")': (),
    'op.execute("INSERT INTO author (id) VALUES (1)")': (),
    "op.execute(\"ALTER TYPE mood ADD VALUE 'sad'\")": (),
    'op.execute("ALTER TABLE book VALIDATE CONSTRAINT ck_old")': (),
    'op.execute("ALTER TABLE book VALIDATE CONSTRAINT ck_old")\n'
    'op.alter_column("book", "pages", nullable=False)': (),
    'op.create_check_constraint("c", "book", "pages > 0", postgresql_not_valid=True)': (),
    'op.create_foreign_key("f", "book", "author", ["author_id"], ["id"], '
    "postgresql_not_valid=True)": (),
    'op.create_table("new", sa.Column("id", sa.Integer()))\n'
    'op.create_index("ix", "new", ["id"])\nop.create_unique_constraint("u", "new", ["id"])\n'
    'op.create_foreign_key("f", "new", "author", ["id"], ["id"])\n'
    'op.add_column("new", sa.Column("a", sa.Integer(), nullable=False))\n'
    'op.execute("UPDATE new SET a = 1")\nop.drop_column("new", "a")': (),
    AUTOCOMMIT + 'op.create_index("ix", "book", ["name"], if_not_exists=True, '
    "postgresql_concurrently=True)": (),
    'op.execute("DROP TABLE IF EXISTS _alembic_tmp_book")': (),
    # Locks that last as long as the table is large.
    'op.create_index("ix", "book", ["name"])': ("BM101",),
    'op.create_unique_constraint("u", "book", ["name"])': ("BM102",),
    'op.create_primary_key("k", "other", ["id"])': ("BM102",),
    'op.create_foreign_key("f", "book", "author", ["author_id"], ["id"])': ("BM103",),
    'op.create_check_constraint("c", "book", "pages > 0")': ("BM104",),
    'op.alter_column("book", "pages", nullable=False)': ("BM105",),
    'op.add_column("book", sa.Column("a", sa.Uuid(), server_default=sa.text("uuidv7()")))': (
        "BM106",
    ),
    'op.add_column("book", sa.Column("a", sa.Integer(), sa.Computed("pages", persisted=True)))': (
        "BM106",
    ),
    'op.add_column("book", sa.Column("a", sa.Integer(), sa.Identity()))': ("BM106",),
    'op.execute("ALTER TABLE book ADD COLUMN a bigserial")': ("BM106",),
    'op.execute("ALTER TABLE book ADD COLUMN a integer UNIQUE")': ("BM107",),
    'op.alter_column("book", "pages", type_=sa.BigInteger())': ("BM108",),
    'op.alter_column("book", "name", type_=sa.String(40))': ("BM108",),
    'op.execute("ALTER TABLE book ADD EXCLUDE USING btree (pages WITH =)")': ("BM109",),
    'op.execute("REINDEX TABLE book")': ("BM110",),
    'op.execute("REFRESH MATERIALIZED VIEW seen")': ("BM110",),
    'op.execute("LOCK TABLE book IN SHARE MODE")': ("BM111",),
    'op.execute("ALTER TABLE part ATTACH PARTITION p FOR VALUES IN (1)")': ("BM112",),
    'op.execute("UPDATE book SET pages = 1")': ("BM201",),
    'op.execute("DELETE FROM book WHERE pages > 3")': ("BM201",),
    # What shares a transaction, or must not.
    'op.add_column("book", sa.Column("a", sa.Integer()))\nop.execute("UPDATE book SET a = 1")': (
        "BM201",
        "BM301",
    ),
    'op.add_column("author", sa.Column("a", sa.Integer()))\n'
    'op.execute("ALTER TABLE book VALIDATE CONSTRAINT ck_old")': ("BM301",),
    'op.create_index("ix", "book", ["name"], if_not_exists=True, postgresql_concurrently=True)': (
        "BM302",
    ),
    'op.execute("VACUUM book")': ("BM302",),
    "op.execute(\"ALTER TYPE mood ADD VALUE 'sad'\")\n"
    "op.execute(\"UPDATE book SET name = 'sad' WHERE id = 1\")": ("BM303",),
    AUTOCOMMIT + 'op.create_index("ix", "book", ["name"], postgresql_concurrently=True)': (
        "BM304",
    ),
    'op.create_check_constraint("c", "book", "pages > 0", postgresql_not_valid=True)\n'
    'op.execute("ALTER TABLE book VALIDATE CONSTRAINT c")': ("BM305",),
    'op.add_column("book", sa.Column("a", sa.Integer()))\n' + AUTOCOMMIT + 'op.execute("VACUUM")': (
        "BM306",
    ),
    # What breaks the code that still runs.
    'op.drop_column("book", "pages")': ("BM401",),
    'op.drop_table("book")': ("BM402",),
    'op.execute("DROP TYPE tint CASCADE")': ("BM401",),
    'op.execute("DROP SCHEMA sales CASCADE")': ("BM402",),
    'op.alter_column("book", "pages", new_column_name="leaves")': ("BM403",),
    'op.rename_table("book", "tome")': ("BM404",),
    'op.add_column("book", sa.Column("a", sa.Integer(), nullable=False))': ("BM405",),
    'op.alter_column("book", "name", server_default=None)': ("BM406",),
    "op.execute(\"ALTER TABLE book ADD CONSTRAINT k CHECK (name > '')\")\n"
    'op.alter_column("book", "name", type_=sa.Text())': ("BM104", "BM104"),
    'op.execute("TRUNCATE book")': ("BM407",),
    "op.execute(\"ALTER TYPE mood RENAME VALUE 'glad' TO 'merry'\")": ("BM408",),
    # What was not read.
    'print(op.get_bind().execute(sa.text("SELECT id FROM book")).one().id)': ("BM901",),
    "import shop.nowhere": ("BM902",),
}
ON_SQLITE: dict[str, tuple[str, ...]] = {
    'op.create_table("new", sa.Column("id", sa.Integer(), primary_key=True))': (),
    'op.add_column("book", sa.Column("a", sa.Integer()))': (),
    'with op.batch_alter_table("book") as batch:\n'
    '    batch.add_column(sa.Column("a", sa.Integer()))': (),
    'with op.batch_alter_table("book") as batch:\n'
    '    batch.alter_column("pages", nullable=False)': ("BM601",),
    'with op.batch_alter_table("book") as batch:\n    batch.alter_column("pages", nullable=False)\n'
    'op.execute("UPDATE book SET pages = 1")': ("BM201", "BM601"),
    'with op.batch_alter_table("book") as batch:\n    batch.drop_column("pages")': (
        "BM401",
        "BM601",
    ),
    'with op.batch_alter_table("book") as batch:\n'
    '    batch.alter_column("pages", new_column_name="leaves")': ("BM403", "BM601"),
    'with op.batch_alter_table("book", recreate="always") as batch:\n'
    '    batch.add_column(sa.Column("a", sa.Integer(), nullable=False))\n'
    '    batch.add_column(sa.Column("b", sa.Integer(), nullable=False, server_default="1"))': (
        "BM405",
        "BM601",
    ),
    'op.create_table("new", sa.Column("id", sa.Integer()), sa.Column("a", sa.Integer()))\n'
    'with op.batch_alter_table("new") as batch:\n    batch.drop_column("a")': (),
    'op.alter_column("book", "pages", nullable=False)': ("BM602",),
    'op.create_foreign_key("f", "book", "author", ["author_id"], ["id"])': ("BM602",),
    'op.execute("ALTER TABLE book ADD COLUMN a integer UNIQUE")': ("BM602",),
    'op.execute("ALTER TABLE book ADD COLUMN a text DEFAULT CURRENT_TIMESTAMP")': ("BM602",),
    'op.execute("ALTER TABLE book ADD COLUMN IF NOT EXISTS a text")': ("BM602",),
    "op.execute(\"CREATE TYPE shade AS ENUM ('dark')\")": ("BM602",),
    'op.create_index("ix", "book", ["name"])': ("BM603",),
    'op.drop_column("book", "pages")': ("BM401", "BM603"),
    'op.drop_table("book")': ("BM402",),
    'op.add_column("book", sa.Column("a", sa.Integer(), nullable=False))': ("BM405",),
    'op.execute("UPDATE book SET pages = 1")': ("BM201",),
}
