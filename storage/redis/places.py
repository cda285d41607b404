"""Where keys are: one server, the primary that Sentinel names, or the nodes of a cluster."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

from .commands import Command
from .settings import Address, Settings

COUNT = 16384


def tag(key: bytes) -> bytes:
    """The part of a key that decides its slot: what stands in the first braces, if anything."""
    opened = key.find(b"{")
    if opened < 0:
        return key
    closed = key.find(b"}", opened + 1)
    return key[opened + 1 : closed] if closed > opened + 1 else key


def slot(key: bytes) -> int:
    """The slot of *key*."""
    return binascii.crc_hqx(tag(key), 0) % COUNT


def beside(start: bytes, key: bytes) -> bytes:
    """Another key for each *key*, which begins with *start* and lies in the same slot.

    So does what it is the beginning of.
    """
    if key and b"{" not in start + key and b"}" not in key:
        return b"%b{%b}" % (start, key)
    inner = tag(key)
    if not inner or tag(b"%b{%b}" % (start, inner)) != inner:
        inner = _tag_in(start, slot(key))
    return b"%b{%b}:%b" % (start, inner, key)


def beside_name(start: str, name: str) -> bytes:
    """The same for a *name* that is a text."""
    if name and "{" not in start and "{" not in name and "}" not in name:
        return f"{start}{{{name}}}".encode()
    return beside(start.encode(), name.encode())


@lru_cache(maxsize=1024)
def _tag_in(start: bytes, wanted: int) -> bytes:
    """What to put in braces after *start* to come into a slot."""
    numbers = (b"%x" % number for number in count())
    return next(number for number in numbers if slot(b"%b{%b}" % (start, number)) == wanted)


class Places:
    """What is known of where the keys are."""

    def __init__(self, settings: Settings) -> None:
        self._remap = settings.remap
        self._nodes: dict[int, Address] = {}
        self._all: list[Address] = []
        self._primary: Address | None = None
        self.clustered: bool = settings.clustered
        self.fixed: bool = not settings.clustered and settings.service is None
        if self.fixed:
            self.learn_primary(settings.places[0])

    def of(self, command: Command) -> Address | None:
        """Where *command* goes to, if that is known."""
        if command.at is not None:
            return command.at if command.at in self._all else None
        return self._nodes.get(slot(command.key)) if self.clustered else self._primary

    def all(self) -> list[Address]:
        """The servers that have keys, in an order that stays."""
        return self._all

    def groups(self, keys: Sequence[bytes]) -> list[list[int]]:
        """The places in *keys* of those that may stand in one command."""
        if not self.clustered:
            return [list(range(len(keys)))]
        found: dict[int, list[int]] = {}
        for index, key in enumerate(keys):
            found.setdefault(slot(key), []).append(index)
        return list(found.values())

    def by_place(
        self, commands: Sequence[Command], indexes: Iterable[int]
    ) -> dict[Address | None, list[int]]:
        """Which of *commands* at *indexes* go to which server."""
        found: dict[Address | None, list[int]] = {}
        for index in indexes:
            found.setdefault(self.of(commands[index]), []).append(index)
        return found

    def reached(self, told: Address, asked: Address | None) -> Address:
        """How to reach what a server *told*; an empty host is that of the one who was *asked*."""
        host, port = told
        place = (host or (asked[0] if asked else ""), port)
        return place if self._remap is None else self._remap(place)

    def move(self, key: bytes, place: Address) -> None:
        """Remember where the slot of *key* went."""
        self._nodes[slot(key)] = place
        if place not in self._all:
            self._all = sorted([*self._all, place])

    def learn_slots(self, reply: Iterable[Any], asked: Address) -> None:
        """Take what `CLUSTER SLOTS` answered."""
        nodes: dict[int, Address] = {}
        for first, last, primary, *_ in reply:
            place = self.reached(((primary[0] or b"").decode(), int(primary[1])), asked)
            nodes.update(dict.fromkeys(range(first, last + 1), place))
        if nodes:
            self._nodes, self._all = nodes, sorted(set(nodes.values()))

    def learn_primary(self, place: Address) -> None:
        """Take what Sentinel answered."""
        self._primary, self._all = place, [place]
