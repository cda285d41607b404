"""What somebody else wrote, as a type would have written it: a member has the name that the type
gives it, and a set has an order.

All of that is told by what the type reads, of parts as small as can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from ..codecs import UnreadableError
from ..records import MISSING
from ..values import same

Reads = Callable[[Any], Any]
"""What a type makes of JSON data, as JSON data; `UnreadableError` where that is nothing."""

ODD: Final = {"": [0.5]}
"""What a type that reads it takes for something else, if it takes it at all."""


def settled(old: Any, known: Any, reads: Reads) -> tuple[Any, Any]:
    """*old* with the names of *known*, which is what a type makes of it, and *known* in the order
    of *old*, with tuples for sets.

    What *reads* reads otherwise, such as an item that a set has already, is left out.
    """
    if type(old) is dict and type(known) is dict:
        return _settled_members(old, known, reads)
    if type(old) is list and old and type(known) is list:
        if _is_set(old, known, reads):
            return _settled_set(old, known, reads)
        return _settled_items(old, known, reads)
    return old, known


def _settled_members(
    old: dict[str, Any], known: dict[str, Any], reads: Reads
) -> tuple[dict[str, Any], dict[str, Any]]:
    names = _names(old, known, reads)
    mine: dict[str, Any] = {}
    theirs = dict(known)
    for name, part in old.items():
        real = names.get(name, name)
        if real is None:
            continue
        mine[real] = part
        if real in known and type(part) in (dict, list):
            inside = _inside(reads, _context(name, old, known, reads), name, real)
            mine[real], theirs[real] = settled(part, known[real], inside)
    return mine, theirs


def _names(old: dict[str, Any], known: dict[str, Any], reads: Reads) -> dict[str, str | None]:
    """How *known* calls members that are not in it and that are read; `None` for nothing."""
    strange = [name for name in old if name not in known]
    if not strange or same(_tried(reads, {**old, **dict.fromkeys(strange, ODD)}), known):
        return {}
    fresh = known.keys() - old.keys()
    found: dict[str, str | None] = {}
    for name in strange:
        context = _context(name, old, known, reads)
        seen = _tried(reads, context)
        if type(seen) is not dict or same(_tried(reads, {**context, name: ODD}), seen):
            continue
        rest = {other: part for other, part in context.items() if other != name}
        reals = [real for real in seen if real in fresh]
        moved = (_tried(reads, {**rest, real: old[name]}) for real in reals)
        found[name] = next((real for real, part in zip(reals, moved) if same(part, seen)), None)
    return found


def _context(name: str, old: dict[str, Any], known: dict[str, Any], reads: Reads) -> dict[str, Any]:
    """The least around the member *name* with which it is read as in *old*."""
    for context in _contexts(name, old):
        seen = _tried(reads, context)
        if type(seen) is dict and seen and _is_part(seen, known):
            return context
    return old


def _contexts(name: str, old: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The member *name* alone, and with nothing in the dicts and lists beside it."""
    yield {name: old[name]}
    for kinds in ((dict, list), (list,)):
        yield {
            other: part if other == name or type(part) not in kinds else type(part)()
            for other, part in old.items()
        }


def _is_part(seen: dict[str, Any], known: dict[str, Any]) -> bool:
    return all(
        name in known and (same(part, known[name]) or part in ([], {}))
        for name, part in seen.items()
    )


def _is_set(old: list[Any], known: list[Any], reads: Reads) -> bool:
    """Whether an item that is there already adds nothing, and another thing would."""
    twice, more = _tried(reads, [*old, old[0]]), _tried(reads, [*old, ODD])
    return _has_length(twice, len(known)) and not _has_length(more, len(known))


def _settled_set(old: list[Any], known: list[Any], reads: Reads) -> tuple[Any, Any]:
    if not any(type(item) in (dict, list) for item in old):
        return known, known
    seen = [_tried(reads, [item]) for item in old]
    if not all(_has_length(one, 1) for one in seen):
        return old, tuple(_likely(item, known) for item in old)
    inside = _inside(reads, [None], 0, 0)
    pairs = [settled(item, one[0], inside) for item, one in zip(old, seen)]
    return [mine for mine, _ in pairs], tuple(theirs for _, theirs in pairs)


def _likely(part: Any, known: list[Any]) -> Any:
    """What is made of *part* by its names, where the type does not say: one of *known*."""
    if type(part) is dict:
        dicts = [one for one in known if type(one) is dict]
        inner = {name: [one[name] for one in dicts if name in one] for name in part}
        return {name: _likely(part[name], some) for name, some in inner.items() if some}
    if type(part) is list:
        items = [item for one in known if type(one) is list for item in one]
        return [_likely(item, items) for item in part]
    return part


def _settled_items(old: list[Any], known: list[Any], reads: Reads) -> tuple[Any, Any]:
    odd = [*old[: len(known)], *[ODD] * (len(old) - len(known))]
    rest = old[len(known) :]
    if rest and not same(_tried(reads, odd), known):
        rest = []
    mine, theirs = list(old[: len(known)]), list(known)
    for index, (item, part) in enumerate(zip(old, known)):
        if type(item) in (dict, list):
            is_alone = same(_tried(reads, [item]), [part])
            context, at = ([item], 0) if is_alone else (old, index)
            mine[index], theirs[index] = settled(item, part, _inside(reads, context, at, at))
    return [*mine, *rest], theirs


def _inside(reads: Reads, context: Any, name: Any, real: Any) -> Reads:
    """What is made of the part called *name* in *context*, which is called *real* then."""

    def inner(part: Any) -> Any:
        whole: Any = dict(context) if type(context) is dict else list(context)
        whole[name] = part
        seen = reads(whole)
        try:
            return seen[real]
        except (LookupError, TypeError):
            raise UnreadableError("it is read as something else") from None

    return inner


def _tried(reads: Reads, data: Any) -> Any:
    try:
        return reads(data)
    except UnreadableError:
        return MISSING


def _has_length(data: Any, length: int) -> bool:
    return type(data) is list and len(data) == length
