"""Members that a type does not know, which newer code may have written, through a change."""

from __future__ import annotations

from typing import Any

from ..values import same, step


class UnplacedError(Exception):
    """A change after which nobody knows where the unknown member at *path* belongs."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path: str = path


def unknown(old: Any, known: Any, path: str = "$") -> str | None:
    """The path of the first member of *old* that is not in *known*, which is what a type makes
    of *old*."""
    if type(old) is dict and type(known) is dict:
        for name, part in old.items():
            if name not in known:
                return path + step(name)
            if found := unknown(part, known[name], path + step(name)):
                return found
    elif type(old) is list and type(known) is list and len(old) == len(known):
        for index, part in enumerate(old):
            if found := unknown(part, known[index], path + step(index)):
                return found
    return None


def carried(old: Any, known: Any, new: Any, path: str = "$") -> Any:
    """*new* with the members of *old* that are not in *known*, each where it was.

    What *new* has no more is gone with all that was in it.
    """
    lost = unknown(old, known, path)
    if lost is None or type(old) is not type(new):
        return new
    if same(known, new):
        return old
    if type(old) is list:
        return _carried_items(old, known, new, path)
    result = {name: _kept(old, known, name, part, path) for name, part in new.items()}
    return {**result, **{name: old[name] for name in old if name not in {**known, **new}}}


def _kept(old: Any, known: Any, name: str, part: Any, path: str) -> Any:
    if name not in old or name not in known:
        return part
    return carried(old[name], known[name], part, path + step(name))


def _carried_items(old: list[Any], known: list[Any], new: list[Any], path: str) -> list[Any]:
    """What stands before and after the items that changed is as it was."""
    most = min(len(known), len(new))
    head = _alike(known, new, most)
    tail = _alike(known[::-1], new[::-1], most - head)
    ends = len(old) - tail
    changed = new[head : len(new) - tail]
    for index in range(head, ends if changed else head):
        if lost := unknown(old[index], known[index], path + step(index)):
            raise UnplacedError(lost)
    return [*old[:head], *changed, *old[ends:]]


def _alike(known: list[Any], new: list[Any], most: int) -> int:
    """How many items at the beginning are the same."""
    return next((i for i in range(most) if not same(known[i], new[i])), most)
