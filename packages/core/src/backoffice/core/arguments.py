"""What is typed behind `backoffice`: its own options may stand anywhere."""

from collections.abc import Sequence

#: The command's own options that take no value.
FLAGS = {"--json", "--yes", "-y", "--dry-run", "--quiet", "-q", "--no-color"}


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the command's own options in front, wherever they were written."""
    front: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for each in pending:
        if each == "--":
            rest += [each, *pending]
        elif each in FLAGS or each.startswith("--app="):
            front.append(each)
        elif each == "--app":
            front += [each, *[value for value in [next(pending, None)] if value is not None]]
        else:
            rest.append(each)
    return front + rest


def encodable(text: str) -> bool:
    """Whether it was written in the encoding of the shell: Python keeps any other byte as half a
    surrogate pair, which no database and no answer can hold."""
    return not any("\ud800" <= each <= "\udfff" for each in text)
