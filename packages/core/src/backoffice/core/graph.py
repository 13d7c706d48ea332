"""The graph of an app's singletons, as a picture."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from backoffice.core.singletons import Singleton, plan


def mermaid(
    roots: Iterable[Singleton[Any]],
    seconds: Mapping[Singleton[Any], float] = MappingProxyType({}),
) -> str:
    """A Mermaid flowchart of all that the roots reach; an arrow points at what is needed.

    `mermaid(declared(app))` draws an app's; `seconds`, such as `run.seconds`, adds how long each
    took to open. Raises SingletonError when the graph cannot be built.
    """
    nodes = plan(*roots)
    names = labels(nodes)
    number = {each: f"n{index}" for index, each in enumerate(nodes)}
    lines = ["graph TD"]
    for each in nodes:
        took = f"<br/>{seconds[each] * 1000:.1f} ms" if each in seconds else ""
        lines.append(f'    {number[each]}["{_quoted(names[each])}{took}"]')
    for each in nodes:
        lines += [f"    {number[each]} --> {number[need]}" for need in each.needs.values()]
    return "\n".join(lines)


def labels(nodes: Iterable[Singleton[Any]]) -> dict[Singleton[Any], str]:
    """A name for each, numbered where several are called the same."""
    named: dict[Singleton[Any], str] = {}
    times: Counter[str] = Counter()
    for each in nodes:
        times[each.name] += 1
        number = times[each.name]
        named[each] = each.name if number == 1 else f"{each.name} ({number})"
    return named


def _quoted(text: str) -> str:
    """A lambda is called `<lambda>`, which a browser would take for markup."""
    for character, entity in (("&", "#amp;"), ("<", "#lt;"), (">", "#gt;"), ('"', "#quot;")):
        text = text.replace(character, entity)
    return text
