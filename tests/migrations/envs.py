"""What people write into env.py around the run of their migrations."""

from tests.migrations.projects import Shop

STOCK = """    with connectable.connect() as connection:
        context.configure(
            connection=connection, target_metadata=target_metadata
        )

        with context.begin_transaction():
            context.run_migrations()
"""
#: All in one transaction, which Alembic takes for somebody else's.
OUTER = STOCK.replace("connectable.connect()", "connectable.begin()")
#: The popular recipe that exits with 0 and commits nothing: it begins a transaction by a question.
LOCKING = STOCK.replace(
    "        with context.begin_transaction",
    "        connection.exec_driver_sql('SELECT 1')\n        with context.begin_transaction",
).replace(
    "        context.configure(",
    "        connection.exec_driver_sql('SELECT 1')\n        context.configure(",
)
#: Begun after Alembic has looked for it.
BEGUN_LATE = STOCK.replace("with context.begin_transaction()", "with connection.begin()")
#: Begun and committed by hand.
BY_HAND = STOCK.replace(
    "        with context.begin_transaction():\n            context.run_migrations()",
    "        transaction = connection.begin()\n        context.run_migrations()\n"
    "        transaction.commit()",
)
AUTOCOMMIT = STOCK.replace(
    "connectable.connect() as connection:",
    "connectable.connect().execution_options(isolation_level='AUTOCOMMIT') as connection:",
)
UNGUARDED = STOCK.replace(
    "        with context.begin_transaction():\n            context.run_migrations()",
    "        context.run_migrations()",
)
NOT_TRANSACTIONAL = STOCK.replace(
    "target_metadata=target_metadata\n",
    "target_metadata=target_metadata, transactional_ddl=False\n",
)
HANDED = "    connection = config.attributes['connection']\n" + "".join(
    line[4:] for line in STOCK.splitlines(keepends=True)[1:]
)
#: As SQLAlchemy's documentation has it for SQLite, where Python begins no transaction for DDL.
BEGINNING = STOCK.replace(
    "    with connectable",
    "    from sqlalchemy import event\n"
    "    if connectable.dialect.name == 'sqlite':\n"
    "        event.listen(connectable, 'begin', lambda c: c.exec_driver_sql('BEGIN EXCLUSIVE'))\n"
    "    with connectable",
)
ALL = {
    "stock": STOCK,
    "outer": OUTER,
    "begun_late": BEGUN_LATE,
    "by_hand": BY_HAND,
    "locking": LOCKING,
    "autocommit": AUTOCOMMIT,
    "unguarded": UNGUARDED,
    "not_transactional": NOT_TRANSACTIONAL,
    "handed": HANDED,
    "beginning": BEGINNING,
}


def rewrite(shop: Shop, kind: str) -> None:
    """Have the env.py of a generic template migrate in this manner."""
    if ALL[kind] != STOCK:
        shop.edit("alembic/env.py", STOCK, ALL[kind])
