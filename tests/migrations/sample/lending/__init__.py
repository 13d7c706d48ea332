"""The migrations of a package that stands on another one's tables."""

REQUIRES: tuple[str, ...] = ("library",)
