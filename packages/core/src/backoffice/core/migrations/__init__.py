"""The revisions of core's own tables: linear, and never changed once released."""

REQUIRES: tuple[str, ...] = ()
