"""The terms of a document, or all that is wrong with it at once."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from backoffice.auth.addresses import normal_email
from backoffice.auth.permissions import parsed
from backoffice.auth.role_files.documents import Document, Fault, meant
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms
from backoffice.auth.role_files.toml_lines import Path
from backoffice.auth.role_records import checked_description, checked_name
from backoffice.auth.user_files.addresses import normal_address
from backoffice.auth.user_files.faults import Refused
from backoffice.core import InvalidInput

_ROLE = ("description", "permissions", "includes", "holders")
_USER = ("permissions",)
_WRITE_ZONE = "write it with its zone, as 2027-01-31T00:00:00Z"


def terms(document: Document) -> Terms:
    """What the document says; InvalidInput names the line and key of each fault."""
    reader = _Reader()
    found = reader.terms(document.data)
    if reader.faults:
        raise document.refusal(reader.faults)
    return found


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def terms(self, data: Any) -> Terms:
        table = self.table(data, (), ("roles", "users"))
        if "roles" not in table:
            # Of a file that was cut off, --prune would make an app without roles.
            self.fault((), "has no table [roles]; write an empty one where there shall be no role")
        roles = self.table(table.get("roles", {}), ("roles",))
        users = self.table(table.get("users", {}), ("users",))
        return Terms(
            {each: self.role(roles[each], each) for each in roles},
            dict(self.user(users[each], each) for each in users),
        )

    def role(self, data: Any, name: str) -> RoleTerms:
        path: Path = ("roles", name)
        if self.checked(checked_name, name, path) not in (name, None):
            self.fault(path, "begins or ends with a space")
        table = self.table(data, path, _ROLE)
        description = table.get("description", "")
        if not isinstance(description, str):
            self.fault((*path, "description"), f"is {_kind(description)}, and must be a text")
        else:
            self.checked(checked_description, description, (*path, "description"))
        permissions = self.texts(table.get("permissions", []), (*path, "permissions"), parsed)
        includes = self.texts(table.get("includes", []), (*path, "includes"), checked_name)
        holders = None
        if "holders" in table:
            listed = self.grants(table["holders"], (*path, "holders"), "user", _address)
            holders = dict(listed)
        return RoleTerms(str(description), frozenset(permissions), frozenset(includes), holders)

    def user(self, data: Any, address: str) -> tuple[str, Grants]:
        path: Path = ("users", address)
        normal = self.checked(_address, address, path) or address
        if normal != address:
            self.fault(path, f"is kept as {normal}; write it so")
        table = self.table(data, path, _USER, also={"roles": "is given by the role's `holders`"})
        listed = table.get("permissions", [])
        return normal, self.grants(listed, (*path, "permissions"), "permission", parsed)

    def grants(
        self, data: Any, path: Path, key: str, check: Callable[[str], str]
    ) -> dict[str, datetime | None]:
        """Items that are a text, or a table of it and of when it ends."""
        found: dict[str, datetime | None] = {}
        for place, each in self.items(data, path):
            table, named = {key: each}, place
            if isinstance(each, Mapping):
                table = self.table(each, place, (key, "expires"))
                named = (*place, key)
            text = self.text(table.get(key), named, check)
            ends = self.moment(table.get("expires"), (*place, "expires"))
            if text is not None and self.once(text, found, place):
                found[text] = ends
        return found

    def texts(self, data: Any, path: Path, check: Callable[[str], str]) -> list[str]:
        found: list[str] = []
        for place, each in self.items(data, path):
            text = self.text(each, place, check)
            if text is not None and self.once(text, found, place):
                found.append(text)
        return found

    def items(self, data: Any, path: Path) -> Iterator[tuple[Path, Any]]:
        if not isinstance(data, list):
            self.fault(path, f"is {_kind(data)}, and must be a list")
            return
        for number, each in enumerate(data):
            yield (*path, number), each

    def text(self, value: Any, place: Path, check: Callable[[str], str]) -> str | None:
        if not isinstance(value, str):
            self.fault(place, f"is {_kind(value)}, and must be a text in quotation marks")
            return None
        return self.checked(check, value, place)

    def moment(self, value: Any, place: Path) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.fault(place, f"is {_kind(value)}, and must be a moment; {_WRITE_ZONE}")
            return None
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fault(place, "is in no year from 1 to 9999 in UTC; leave it out for no end")
        return None

    def once(self, text: str, found: Any, place: Path) -> bool:
        if text in found:
            self.fault(place, f"{text} is there twice")
        return text not in found

    def checked(self, check: Callable[[str], str], text: str, place: Path) -> str | None:
        try:
            return check(text)
        except InvalidInput as error:
            self.fault(place, error.message)
            return None

    def table(
        self,
        data: Any,
        path: Path,
        known: tuple[str, ...] | None = None,
        also: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            self.fault(path, f"is {_kind(data)}, and must be a table")
            return {}
        for key in data:
            if not isinstance(key, str):
                shown = f"the key {key!r} is {_kind(key)}; write it in quotation marks"
                self.fault((*path, str(key)), shown)
            elif known is not None and key not in known:
                why = (also or {}).get(key) or (
                    f"is not known here{meant(key, known)}; known are {', '.join(known)}"
                )
                self.fault((*path, key), why)
        return {key: value for key, value in data.items() if isinstance(key, str)}

    def fault(self, path: Path, message: str) -> None:
        self.faults.append(Fault(path, message))


def _address(text: str) -> str:
    """Of a file that names everybody there are many, of few domains."""
    try:
        return normal_address(text)
    except Refused:
        return normal_email(text)  # which says what is wrong with it


def _kind(value: Any) -> str:
    """What a value is, for people who write TOML or YAML."""
    kinds = {
        dict: "a table",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        int: "a number",
        float: "a number",
        type(None): "nothing",
        datetime: "a moment without a zone",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")
