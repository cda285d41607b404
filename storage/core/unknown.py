"""Members that a type does not know, which newer code may have written, through a change.

*old* is what was stored, *known* is what a type makes of it and *new* what shall take its place,
all as JSON data. A tuple in *known* is a set, in the order of *old*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..records import MISSING
from ..values import same, step

Place = tuple[str | int, ...]
"""The names and numbers that lead to a part."""


class UnplacedError(Exception):
    """A change after which nobody knows where the unknown member at *path* belongs."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path: str = path


def path_to(place: Place) -> str:
    """How errors write *place*."""
    return "$" + "".join(map(step, place))


def unknown(old: Any, known: Any, place: Place = ()) -> Iterator[Place]:
    """The places of what is in *old* and not in *known*: members of dicts, and what follows after
    the end of a list."""
    if type(old) is dict and type(known) is dict:
        for name, part in old.items():
            if name not in known:
                yield (*place, name)
            elif type(part) is dict or type(part) is list:
                yield from unknown(part, known[name], (*place, name))
    elif type(old) is list and isinstance(known, (list, tuple)):
        for index, (part, other) in enumerate(zip(old, known)):
            yield from unknown(part, other, (*place, index))
        yield from ((*place, index) for index in range(len(known), len(old)))


def replaced(data: Any, places: Iterable[Place], part: Any) -> Any:
    """*data* with *part* at all *places*, or without them if that is `MISSING`."""
    inner: dict[str | int, list[Place]] = {}
    for place in places:
        if not place:
            return part
        inner.setdefault(place[0], []).append(place[1:])
    if not inner:
        return data
    items: Any = data.items() if type(data) is dict else enumerate(data)
    made = {name: replaced(one, inner.get(name, ()), part) for name, one in items}
    left = {name: one for name, one in made.items() if one is not MISSING}
    return left if type(data) is dict else list(left.values())


def sifted(places: list[Place], is_fine: Callable[[list[Place]], bool]) -> list[Place]:
    """Those of *places* that are fine, where some are if each of them is."""
    if not places or is_fine(places):
        return places
    half = len(places) // 2
    return [*sifted(places[:half], is_fine), *sifted(places[half:], is_fine)] if half else []


def carried(old: Any, known: Any, new: Any, place: Place = ()) -> Any:
    """*new* with what is in *old* and not in *known*, each where it was.

    What *new* has no more is gone with all that was in it.
    """
    if type(old) is not type(new) or _first(old, known) is None:
        return new
    if type(known) is tuple:
        return _carried_set(old, known, new, place)
    if type(old) is list:
        by_number = len(old) != len(known)
        carry = _carried_fields if by_number else _carried_items
        return carry(old, known, new, place)
    result = {name: _kept(old, known, name, part, place) for name, part in new.items()}
    more = {name: part for name, part in old.items() if name not in known and name not in new}
    return {**result, **more}


def _kept(old: Any, known: Any, name: str, part: Any, place: Place) -> Any:
    if name not in old or name not in known:
        return part
    return carried(old[name], known[name], part, (*place, name))


def _carried_fields(old: list[Any], known: list[Any], new: list[Any], place: Place) -> list[Any]:
    """An object that is written as a list: a field is known by its number."""
    lost = _first(old, known, place)
    if lost is not None and len(known) != len(new):
        raise UnplacedError(path_to(lost))
    most = min(len(old), len(known))
    parts = [carried(old[i], known[i], new[i], (*place, i)) for i in range(most)]
    return [*parts, *new[most:], *old[len(known) :]]


def _carried_items(old: list[Any], known: list[Any], new: list[Any], place: Place) -> list[Any]:
    """What stands before and after the items that changed is as it was."""
    most = min(len(known), len(new))
    head = _length_alike(known, new, most)
    tail = _length_alike(known[::-1], new[::-1], most - head)
    ends, more = len(old) - tail, len(new) - len(old)
    changed = new[head : len(new) - tail]
    if changed:
        _check_gone(old, known, range(head, ends), place)
    first = [carried(old[i], known[i], new[i], (*place, i)) for i in range(head)]
    last = [carried(old[i], known[i], new[i + more], (*place, i)) for i in range(ends, len(old))]
    return [*first, *changed, *last]


def _carried_set(old: list[Any], known: tuple[Any, ...], new: list[Any], place: Place) -> list[Any]:
    """What stays is as it was, in the order of *new*; items that are one to the type follow."""
    places = _places(known, new)
    if len(set(places) - {None}) < len(new):
        _check_gone(old, known, [i for i, at in enumerate(places) if at is None], place)
    kept: dict[int, list[Any]] = {}
    for index, at in enumerate(places):
        if at is not None:
            part = carried(old[index], known[index], new[at], (*place, index))
            kept.setdefault(at, []).append(part)
    first = [kept.get(at, [part])[0] for at, part in enumerate(new)]
    return [*first, *(part for parts in kept.values() for part in parts[1:])]


def _check_gone(old: list[Any], known: Any, gone: Iterable[int], place: Place) -> None:
    """Refuse to drop items of which one that is new may be the successor."""
    for index in gone:
        lost = _first(old[index], known[index], (*place, index))
        if lost is not None:
            raise UnplacedError(path_to(lost))


def _first(old: Any, known: Any, place: Place = ()) -> Place | None:
    return next(unknown(old, known, place), None)


def _length_alike(known: list[Any], new: list[Any], most: int) -> int:
    """How many items at the beginning are the same."""
    return next((i for i in range(most) if not _alike(known[i], new[i])), most)


def _alike(known: Any, new: Any) -> bool:
    """Whether both are the same, where the order of a set says nothing."""
    if same(known, new):
        return True
    if type(known) is tuple:
        places = _places(known, new) if type(new) is list else [None]
        return None not in places and len(set(places)) == len(new)
    if type(known) is not type(new) or type(known) not in (dict, list) or len(known) != len(new):
        return False
    if type(known) is dict:
        return all(name in new and _alike(part, new[name]) for name, part in known.items())
    return all(map(_alike, known, new))


def _places(known: tuple[Any, ...], new: list[Any]) -> list[int | None]:
    """Where in *new* each item of a set is."""
    marked: dict[str, list[int]] = {}
    for at, part in enumerate(new):
        marked.setdefault(_mark(part), []).append(at)
    return [
        next((at for at in marked.get(_mark(part), ()) if _alike(part, new[at])), None)
        for part in known
    ]


def _mark(data: Any) -> str:
    """What is equal for all that is alike."""
    if type(data) is dict:
        return str(sorted((name, _mark(part)) for name, part in data.items()))
    return str(sorted(map(_mark, data))) if isinstance(data, (list, tuple)) else repr(data)
