"""The revisions of the tables of accounts: linear, and never changed once released."""

REQUIRES: tuple[str, ...] = ()
