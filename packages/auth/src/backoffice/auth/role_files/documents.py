"""A text of TOML or YAML: its data, and on which line each key and item stands."""

import difflib
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as File
from typing import Any, Literal

from backoffice.auth.role_files.toml_lines import Path, toml_lines
from backoffice.core import InvalidInput, NotFound, SetupError

Notation = Literal["toml", "yaml"]

#: In place of the name of a file: what is piped in.
STDIN = "-"
#: Faults that are told; who mends these will see the others.
MOST_FAULTS = 20
_COLLECTIONS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Fault:
    """What is wrong, and with which key; `item` is what an item of its list says."""

    path: Path
    message: str
    item: str = ""


@dataclass(frozen=True)
class Document:
    """A text that was read."""

    name: str
    data: Any
    _find_lines: Callable[[], Mapping[Path, int]]

    def refusal(self, faults: Iterable[Fault]) -> InvalidInput:
        """An error that names the line and key of each fault."""
        told = [self._told(each) for each in faults]
        shown = told[:MOST_FAULTS]
        if len(told) > len(shown):
            shown.append(f"and {len(told) - len(shown)} more")
        return InvalidInput("\n".join(shown), code="invalid_role_file")

    def _told(self, fault: Fault) -> str:
        path = (*fault.path, *self._number(fault.path, fault.item))
        place = f"{self.name}, line {self._line(path)}" if path else self.name
        key = f" {written(path)}:" if path else ""
        return f"{place}:{key} {fault.message}"

    def _number(self, path: Path, item: str) -> Path:
        """Which item of the list there says so."""
        items = self.data if item else ()
        for each in path if item else ():
            items = items.get(each, ()) if isinstance(items, Mapping) else ()
        for number, each in enumerate(items):
            texts = each.values() if isinstance(each, Mapping) else (each,)
            if any(isinstance(text, str) and text.lower() == item.lower() for text in texts):
                return (number,)
        return ()

    def _line(self, path: Path) -> int:
        """Where it stands, or what it would stand in."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        return self._find_lines()


def opened(name: str, notation: Notation | None = None) -> Document:
    """The document in that file, or on stdin; the file's ending says what it is written in."""
    text = _text(name)
    if notation is None:
        notation = "yaml" if File(name).suffix in (".yaml", ".yml") else "toml"
    return document(text, notation, "stdin" if name == STDIN else File(name).name)


def document(text: str, notation: Notation = "toml", name: str = "roles.toml") -> Document:
    """The document that this text is; InvalidInput says where it is none."""
    read = _yaml if notation == "yaml" else _toml
    try:
        return read(text, name)
    except RecursionError:
        raise _no_document(name, "lists or tables are nested too deep") from None


def written(path: Path) -> str:
    """A path as it would be written: `roles.editor.permissions[2]`."""
    parts: list[str] = []
    for each in path:
        if isinstance(each, int):
            parts.append(f"[{each + 1}]")
        else:
            shown = each if _BARE.fullmatch(each) else quoted(each)
            parts.append(f".{shown}" if parts else shown)
    return "".join(parts)


def quoted(text: str) -> str:
    """The text in quotation marks, as TOML reads it."""
    # What JSON escapes, TOML reads; DEL alone must not stand there as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def meant(name: object, known: Iterable[str]) -> str:
    """`; did you mean ...?` where one of those known is like it."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _text(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == STDIN else File(name).read_bytes()
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        raise NotFound(f"there is no file {name}; `backoffice roles export` writes one") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"{name} is not text in UTF-8: byte {error.start}", code="invalid_role_file"
        ) from None
    except OSError as error:
        raise InvalidInput(f"{name} cannot be read: {error.strerror}") from None


def _toml(text: str, name: str) -> Document:
    try:
        data = tomllib.loads(text)
    except ValueError as error:  # also a number of more digits than Python reads
        raise _no_document(name, f"not TOML: {error}") from None
    return Document(name, data, lambda: toml_lines(text))


def _yaml(text: str, name: str) -> Document:
    try:
        import yaml
    except ImportError:
        raise SetupError(
            "YAML needs PyYAML; install fastapi-backoffice-auth[yaml], or write TOML"
        ) from None
    lines: dict[Path, int] = {}
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        # Aliases could make few bytes a tree without end; names and lists need none.
        for each in yaml.parse(text, Loader=type(loader)):
            if isinstance(each, yaml.AliasEvent):
                raise _no_document(name, f"an alias, *{each.anchor}; write out what it stands for")
        node = loader.get_single_node()
        data = {} if node is None else _value(loader, node, (), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = "" if mark is None else f" (at line {mark.line + 1}, column {mark.column + 1})"
        raise _no_document(name, f"not YAML: {error.problem}{place}") from None
    except yaml.YAMLError as error:
        raise _no_document(name, f"not YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()
    return Document(name, data, lambda: lines)


# Any: PyYAML has no types of its own.
def _value(loader: Any, node: Any, path: Path, lines: dict[Path, int]) -> Any:
    """What the node says; the loader's own way would let a second key overwrite the first."""
    line = node.start_mark.line + 1
    lines.setdefault(path, line)
    if node.id != "scalar" and node.tag not in _COLLECTIONS:
        raise _at(node, f"the tag {node.tag} is not taken")
    if node.id == "sequence":
        return [_value(loader, each, (*path, i), lines) for i, each in enumerate(node.value)]
    if node.id == "mapping":
        found: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(loader, key_node) if key_node.id == "scalar" else key_node.id
            if key in found:
                raise _at(key_node, f"found {key!r} twice")
            lines[(*path, str(key))] = key_node.start_mark.line + 1
            found[key] = _value(loader, value_node, (*path, str(key)), lines)
        return found
    return _scalar(loader, node)


def _scalar(loader: Any, node: Any) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:  # a date that there is not
        raise _at(node, str(error)) from None
    except (LookupError, AttributeError):  # how PyYAML fails at a tag that was put on anything
        raise _at(node, f"{node.value!r} is not what the tag {node.tag} says") from None


def _at(node: Any, problem: str) -> Exception:
    from yaml import MarkedYAMLError

    found: Exception = MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return found


def _no_document(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name}: {why}", code="invalid_role_file")
