"""All that lint looks for, each under the id by which it is named, explained and allowed."""

from dataclasses import dataclass

from backoffice.migrations.lint.findings import Finding, Level, Where
from backoffice.migrations.lint.operations import DialectName


@dataclass(frozen=True)
class Rule:
    """One thing to look for: `title` for a list, `why` and `safe` for whoever meets it."""

    id: str
    level: Level
    title: str
    why: str
    safe: str
    fixable: bool = False

    @property
    def dialect(self) -> DialectName | None:
        """The kind of database of which alone it is told; None for both."""
        return _OF_ONE.get(self.id[:3])

    def found(self, where: Where, message: str, level: Level | None = None) -> Finding:
        """A finding of this rule; milder than usual where `level` says so."""
        return Finding(
            self.id, level or self.level, where, message, self.why, self.safe, self.fixable
        )


_OF_ONE: dict[str, DialectName] = {"BM1": "postgresql", "BM3": "postgresql", "BM6": "sqlite"}


def _lasting(what: str) -> str:
    return f"Every {what} waits until all rows are read, and so does all that queues behind it."


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            *("BM101", "error", "An index is built while writers wait"),
            why=_lasting("INSERT, UPDATE and DELETE"),
            safe="op.create_index(..., postgresql_concurrently=True, if_not_exists=True) within "
            "`with op.get_context().autocommit_block():`.",
            fixable=True,
        ),
        Rule(
            *("BM102", "error", "A unique or primary key constraint builds its index"),
            why=_lasting("SELECT, INSERT, UPDATE and DELETE"),
            safe="Build a unique index CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX.",
            fixable=True,
        ),
        Rule(
            *("BM103", "error", "A foreign key is checked for every row while writers wait"),
            why="INSERT, UPDATE and DELETE on both tables wait until all rows are checked.",
            safe="Add it with postgresql_not_valid=True, and VALIDATE CONSTRAINT in a transaction "
            "of its own, which blocks no writer.",
            fixable=True,
        ),
        Rule(
            *("BM104", "error", "A CHECK is tried on every row while all wait"),
            why=_lasting("SELECT, INSERT, UPDATE and DELETE"),
            safe="Add it with postgresql_not_valid=True, and VALIDATE CONSTRAINT in a transaction "
            "of its own, which blocks neither reader nor writer.",
            fixable=True,
        ),
        Rule(
            *("BM105", "error", "SET NOT NULL reads every row while all wait"),
            why=_lasting("SELECT, INSERT, UPDATE and DELETE"),
            safe="ADD CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a transaction of its "
            "own, then SET NOT NULL, which needs no look at the rows any more.",
            fixable=True,
        ),
        Rule(
            *("BM106", "error", "A new column writes the whole table anew"),
            why="Each row gets a value of its own, so the table is copied while all wait.",
            safe="Add the column nullable and without default, SET DEFAULT, fill the rows in "
            "batches, then make it NOT NULL by way of a CHECK.",
            fixable=True,
        ),
        Rule(
            *("BM107", "error", "A new column with a key builds an index or reads every row"),
            why=_lasting("SELECT, INSERT, UPDATE and DELETE"),
            safe="Add the plain column, then the constraint in the safe way for that constraint.",
            fixable=True,
        ),
        Rule(
            *("BM108", "error", "A change of type writes the whole table anew"),
            why="The table and its indexes are copied while all wait, and code that still runs "
            "may not know the new type.",
            safe="Add a column of the new type, write both, fill it in batches, then read it and "
            "drop the old one in a later release.",
            fixable=True,
        ),
        Rule(
            *("BM109", "error", "An exclusion constraint builds its index while all wait"),
            why=_lasting("SELECT, INSERT, UPDATE and DELETE"),
            safe="There is no concurrent way: do it while the app is down, or on a new table that "
            "is filled in batches.",
        ),
        Rule(
            *("BM110", "error", "A table is written anew or read whole while others wait"),
            why="The lock is held for as long as the table is large.",
            safe="Use the form with CONCURRENTLY where there is one, else a quiet hour.",
        ),
        Rule(
            *("BM111", "warning", "A table is locked by hand"),
            why="Others wait until the transaction of the revision ends.",
            safe="Let each statement take the lock that it needs.",
        ),
        Rule(
            *("BM112", "error", "A partition is attached that is read whole first"),
            why="The new partition is locked until all its rows are checked against its bounds.",
            safe="Give it a CHECK of the same bounds first, NOT VALID, and VALIDATE it.",
        ),
        Rule(
            *("BM201", "error", "All rows of a table are changed by one statement"),
            why="Each row stays locked until the revision ends, so writers of any of them wait; "
            "the table swells to twice its size.",
            safe="Fill it in batches, each committed by itself: `backoffice.migrations.batches`.",
            fixable=True,
        ),
        Rule(
            *("BM301", "error", "A lock is held while something long is done"),
            why="A lock that would be short lasts until the transaction ends, and so does the "
            "wait of all who need the table.",
            safe="Put the two into revisions of their own, or the second into "
            "`with op.get_context().autocommit_block():`.",
        ),
        Rule(
            *("BM302", "error", "A statement that no transaction may hold stands in one"),
            why="PostgreSQL refuses it, so the revision fails.",
            safe="Put it into `with op.get_context().autocommit_block():`.",
            fixable=True,
        ),
        Rule(
            *("BM303", "error", "A new value of an enum is used in the transaction that adds it"),
            why="PostgreSQL refuses it: unsafe use of new value.",
            safe="Add the value in `with op.get_context().autocommit_block():`, or use it in a "
            "later revision.",
        ),
        Rule(
            *("BM304", "note", "An index that is built CONCURRENTLY cannot be tried again"),
            why="Where it fails half-way, an INVALID index of that name is left, at which the next "
            "try fails too.",
            safe="Drop an invalid index of that name before, and say if_not_exists=True.",
            fixable=True,
        ),
        Rule(
            *("BM305", "error", "NOT VALID and VALIDATE stand in one transaction"),
            why="The lock of the first is held while the second reads every row: writers wait as "
            "long as for the plain form.",
            safe="VALIDATE in `with op.get_context().autocommit_block():`, or in a revision of "
            "its own.",
            fixable=True,
        ),
        Rule(
            *("BM306", "note", "What stands before an autocommit_block is committed by it"),
            why="Where the revision fails after that, it has to run again, and fails at what is "
            "there already.",
            safe="Put the block first, or into a revision of its own; or say if_not_exists=True.",
        ),
        Rule(
            *("BM401", "error", "A column is dropped"),
            why="Code that still runs names it in every SELECT and INSERT, all of which fail; its "
            "data is gone for good.",
            safe="Release code that does not name it, then drop it, and allow this with the "
            "reason.",
        ),
        Rule(
            *("BM402", "error", "A table is dropped"),
            why="Code that still runs fails at it; its data is gone for good.",
            safe="Release code that does not use it, keep a copy, then drop it, and allow this "
            "with the reason.",
        ),
        Rule(
            *("BM403", "error", "A column is renamed"),
            why="There is no moment at which the code before and the code after both run.",
            safe="Add a column of the new name, keep both the same by a trigger, fill it in "
            "batches, then drop the old one in a second revision, once no code names it.",
            fixable=True,
        ),
        Rule(
            *("BM404", "error", "A table is renamed or moved"),
            why="There is no moment at which the code before and the code after both run.",
            safe="Rename it and make a view of the old name in the same transaction; drop the "
            "view in a later release.",
        ),
        Rule(
            *("BM405", "error", "A NOT NULL column is added without a default"),
            why="It fails on a table with rows; on an empty one, the INSERTs of code that still "
            "runs fail.",
            safe="Give it a server_default, or add it nullable, fill it, and make it NOT NULL in a "
            "later release.",
        ),
        Rule(
            *("BM406", "warning", "The default of a NOT NULL column is taken away"),
            why="The INSERTs of code that does not name the column fail from now on.",
            safe="Keep the default until no such code runs.",
        ),
        Rule(
            *("BM407", "error", "A table is emptied"),
            why="The rows are gone for good, and all wait for the lock meanwhile.",
            safe="Keep a copy, and delete in batches what has to go.",
        ),
        Rule(
            *("BM408", "warning", "A value of an enum is renamed"),
            why="Code that still runs writes the old value, which the database refuses.",
            safe="Add the new value, write it everywhere, and fill the old rows in batches.",
        ),
        Rule(
            *("BM501", "note", "The revision cannot be undone"),
            why="`migrate down` goes past it and leaves everything as it is.",
            safe="Write downgrade(), or let it raise with the reason.",
        ),
        Rule(
            *("BM502", "warning", "downgrade() leaves a type behind"),
            why="To go up again fails: the type is there already.",
            safe="Drop it in downgrade(): sa.Enum(name=...).drop(op.get_bind()).",
        ),
        Rule(
            *("BM601", "warning", "SQLite copies a table"),
            why="Nobody can write meanwhile; with foreign keys enforced, the rows that refer to it "
            "are deleted or emptied, which `backoffice migrate up` prevents and `alembic upgrade` "
            "does not.",
            safe="Leave out what does not need it, and run it by `backoffice migrate up`.",
        ),
        Rule(
            *("BM602", "error", "SQLite cannot do this"),
            why="The revision fails.",
            safe="Do it within `with op.batch_alter_table(...) as batch_op:`.",
        ),
        Rule(
            *("BM603", "note", "SQLite reads or writes a whole table while nobody else can write"),
            why="There is one lock for the whole database.",
            safe="Do it at a quiet hour, where the table is large.",
        ),
        Rule(
            *("BM901", "note", "A part of the revision was not read"),
            why="What it does depends on something that is not there while reading, so it may hide "
            "anything that this list names.",
            safe="Look at it yourself, or write it so that it does not ask the database.",
        ),
        Rule(
            *("BM902", "note", "An import of the revision was not found"),
            why="What it would do is not known; a revision that needs the app breaks when the app "
            "moves on.",
            safe="Write out what the revision needs of it.",
        ),
        Rule(
            *("BM903", "error", "The id of the revision is too long"),
            why="Alembic keeps it in a VARCHAR(32), for which PostgreSQL refuses a longer one.",
            safe="Give it an id of at most 32 characters.",
        ),
        Rule(
            *("BM911", "warning", "A waiver allows what was not found"),
            why="It would hide the next one that is.",
            safe="Take it out.",
        ),
        Rule(
            *("BM912", "error", "A waiver gives no reason"),
            why="Nobody can tell later whether it still holds.",
            safe="`# migrate: allow BM101 because the table has ten rows`",
        ),
    )
}
