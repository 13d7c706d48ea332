"""Terms as a text, in one order: the same roles give the same bytes."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from backoffice.auth.role_files.documents import Notation, quoted, written
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms
from backoffice.core import SetupError

#: A list that is longer than this stands on several lines.
WIDTH = 88


def text(terms: Terms, notation: Notation = "toml") -> str:
    """What reading gives these terms again."""
    return _yaml(terms) if notation == "yaml" else _toml(terms)


def data(terms: Terms) -> dict[str, Any]:
    """The tables and lists of the file."""
    found: dict[str, Any] = {"roles": {n: _role(r) for n, r in sorted(terms.roles.items())}}
    if terms.users:
        found["users"] = {
            user: {"permissions": _grants(grants, "permission")}
            for user, grants in sorted(terms.users.items())
        }
    return found


def _role(role: RoleTerms) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if role.description:
        found["description"] = role.description
    found["permissions"] = sorted(role.permissions)
    if role.includes:
        found["includes"] = sorted(role.includes)
    if role.holders is not None:
        found["holders"] = _grants(role.holders, "user")
    return found


def _grants(grants: Grants, key: str) -> list[Any]:
    return [
        name if ends is None else {key: name, "expires": ends}
        for name, ends in sorted(grants.items())
    ]


def _toml(terms: Terms) -> str:
    return "\n".join(_tables(data(terms))) + "\n"


def _tables(data: Mapping[str, Any]) -> Iterator[str]:
    if not data["roles"]:
        yield "[roles]"
    first = True
    for kind, tables in data.items():
        for name, table in tables.items():
            if not first:
                yield ""
            first = False
            yield f"[{written((kind, name))}]"
            for key, value in table.items():
                yield f"{key} = {_list(value) if isinstance(value, list) else quoted(value)}"


def _list(items: list[Any]) -> str:
    shown = [_item(each) for each in items]
    line = f"[{', '.join(shown)}]"
    if len(line) <= WIDTH:
        return line
    return "".join(["[\n", *(f"    {each},\n" for each in shown), "]"])


def _item(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_item(each)}' for key, each in value.items())} }}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return quoted(value)


def _yaml(terms: Terms) -> str:
    try:
        import yaml
    except ImportError:
        raise SetupError(
            "YAML needs PyYAML; install fastapi-backoffice-auth[yaml], or write TOML"
        ) from None

    class Dumper(yaml.SafeDumper):
        """PyYAML's own, but for what it, or we, would not read back."""

        # Any: whatever value.
        def ignore_aliases(self, _: Any) -> bool:
            return True

    Dumper.add_representer(str, _yaml_text)
    written: str = yaml.dump(
        data(terms), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    return written


# Any: the dumper of a package that may not be there.
def _yaml_text(dumper: Any, text: str) -> Any:
    # NEL is a line break there, which between single quotes is read as a space.
    style = '"' if "\x85" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
