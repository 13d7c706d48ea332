"""The revisions of the admin's own tables: linear, and never changed once released."""

REQUIRES: tuple[str, ...] = ()
