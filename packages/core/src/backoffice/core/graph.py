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
        needs = [need for need in each.needs.values() if need is not None]
        lines += [f"    {number[each]} --> {number[need]}" for need in needs]
    return "\n".join(lines)


def labels(nodes: Iterable[Singleton[Any]]) -> dict[Singleton[Any], str]:
    """A name for each, with the module of its factory where two are called the same."""
    nodes = list(nodes)
    times = Counter(each.name for each in nodes)
    return {
        each: each.name if times[each.name] == 1 else f"{_module(each)}.{each.name}"
        for each in nodes
    }


def _module(each: Singleton[Any]) -> str:
    return str(getattr(each.factory, "__module__", "?"))


def _quoted(text: str) -> str:
    """A lambda is called `<lambda>`, which a browser would take for markup."""
    for character, entity in (("&", "#amp;"), ("<", "#lt;"), (">", "#gt;"), ('"', "#quot;")):
        text = text.replace(character, entity)
    return text
