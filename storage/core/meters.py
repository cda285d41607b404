"""What is stored of a meter: its bytes and its name, the same on every store that keeps bytes.

The bytes are numbers of 8 bytes each, least byte first: the code of the algorithm, the members of
a `State` in their order, and then the moments of a log, or the holders of slots, of which each is
a token of 16 bytes and a number.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence
from typing import Any, Final

from ..keys import Names
from ..records import Meter
from .algorithms import Holder, Log, Rule, Slots
from .limits import plain
from .window import Place, State

HEAD: Final = struct.Struct("<8d")

_MOST: Final = 2**53

_HOLDER: Final = struct.Struct("<16sd")
_PLACE: Final = struct.Struct("<2d")
_SWAPPED: Final = array("d", [1.0]).tobytes() != struct.pack("<d", 1.0)


def packed(rule: Rule, state: State) -> bytes:
    """The bytes that are stored of a meter."""
    head = HEAD.pack(rule.code, *state[:4], *state.kept)
    if isinstance(rule, Log):
        stamps: bytes = _doubles(state.more).tobytes()
        return head + stamps
    if isinstance(rule, Slots):
        holders = (_HOLDER.pack(bytes.fromhex(token), until) for token, until in state.more)
        return head + b"".join(holders)
    return head


def unpacked(rule: Rule, raw: bytes) -> State:
    """What *raw* says of a meter; a `ValueError` where it is not what is stored of one."""
    if len(raw) < HEAD.size:
        raise ValueError("it is too short")
    code, *numbers = HEAD.unpack_from(raw)
    if code != rule.code:
        raise ValueError("it is another record")
    seen, at, barred, told, x, y, z = map(_whole, numbers)
    return State(seen, at, barred, told, (x, y, z), _more(rule, raw[HEAD.size :], x - y))


def packed_places(places: Sequence[Place]) -> bytes:
    """The bytes that are stored of places that were given back."""
    return b"".join(_PLACE.pack(*place) for place in places)


def unpacked_places(raw: bytes) -> list[Place]:
    """The places in *raw*; a `ValueError` for what holds none."""
    if len(raw) % _PLACE.size:
        raise ValueError("it is another record")
    return [(_whole(at), _whole(cost)) for at, cost in _PLACE.iter_unpack(raw)]


def start_of(names: Names, meter: Meter) -> str:
    """What the name of a meter begins with; after it comes the name of the key."""
    return f"{names.segment('limit')}{meter.rule.stored}~"


def start_of_places(names: Names, meters: Sequence[Meter]) -> str:
    """What the name of the places that were given back begins with: they are for who waits for
    the same keys, of which the first one comes after it."""
    first = meters[0].key
    stored = "+".join(
        meter.rule.stored + ("" if meter.key == first else f"@{plain(names.name(meter.key))}")
        for meter in meters
    )
    return f"{names.segment('limit')}places:{stored}~"


def name_of(names: Names, meter: Meter) -> str:
    """What a meter is called where names need not lie beside each other."""
    return start_of(names, meter) + names.name(meter.key)


def name_of_places(names: Names, meters: Sequence[Meter]) -> str:
    """What the places that were given back are called there."""
    return start_of_places(names, meters) + names.name(meters[0].key)


def _more(rule: Rule, raw: bytes, length: int) -> Any:
    if isinstance(rule, Log):
        if len(raw) % 8 or not 0 <= length <= len(raw) // 8:
            raise ValueError("it is another record")
        stamps = _doubles(array("d", raw))
        if not math.isfinite(sum(stamps)):
            raise ValueError("it is another record")
        return stamps
    if isinstance(rule, Slots):
        if len(raw) % _HOLDER.size:
            raise ValueError("it is another record")
        holders = _HOLDER.iter_unpack(raw)
        return tuple(Holder(token.hex(), _whole(until)) for token, until in holders)
    if raw:
        raise ValueError("it is another record")
    return None


def _whole(number: float) -> int:
    """*number*, if it is one that can be counted exactly."""
    if not 0 <= number <= _MOST or not number.is_integer():
        raise ValueError("it is another record")
    return int(number)


def _doubles(stamps: Any) -> Any:
    if _SWAPPED:
        stamps = array("d", stamps)
        stamps.byteswap()
    return stamps
