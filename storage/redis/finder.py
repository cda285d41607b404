# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Asks where the keys are: the nodes of a cluster, or Sentinel for its primary."""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from ..runtime import Runtime, after_fork, monotonic
from .commands import READ, Command
from .links import Links
from .places import Places
from .replies import NOWHERE, Phase, Trouble, UnknownServiceError, meaning
from .settings import Address, Settings

_ASKED_SECONDS = 1.0
"""How long one server may take to say where others are."""

_A_MOMENT = 0.001

_GLANCE_SECONDS = 0.25
"""How long to look whether there is another primary, where one is known."""

_LATELY = 1.0
"""How long what a Sentinel said is taken for true: an old primary may not know that it is one."""

_UNKNOWN = Trouble(Phase.ANSWERED, UnknownServiceError())

_SLOTS = Command(READ, b"", (b"CLUSTER", b"SLOTS"))


class Finder:
    """Keeps *places* up to date, when it is asked to."""

    def __init__(self, settings: Settings, places: Places, links: Links) -> None:
        self._settings = settings
        self._places = places
        self._links = links
        self._watch = Links(settings.sentinel, max(1, len(settings.sentinels)), _ASKED_SECONDS)
        self._primary = Command(
            READ, b"", (b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", (settings.service or "").encode())
        )
        self._sentinels = deque(place for _, place in settings.sentinels)
        self._is_searching = False
        self._runtime = Runtime()
        self.due: float = math.inf if settings.service is None else 0.0
        after_fork(self, Finder._leave_behind)

    def search(self, until: float, failed: Address | None) -> Trouble:
        """Ask where the keys are now, the one that *failed* last; one call does it for all.

        Answers what there is to say where nobody knows it after that. Who can go on without it
        does not wait for the one who asks.
        """
        if self._places.fixed:
            return NOWHERE
        if self._is_searching:
            while self._is_searching and (failed or not self._places.all()) and monotonic() < until:
                self._runtime.sleep(_A_MOMENT)
            return NOWHERE
        self._is_searching = True
        try:
            if self._places.clustered:
                trouble = self._ask_nodes(until, failed)
            else:
                trouble = self._ask_sentinels(until, failed)
        finally:
            self._is_searching = False
        return trouble

    def close(self) -> None:
        """Close what was opened to ask."""
        self._watch.close()

    def _ask_nodes(self, until: float, failed: Address | None) -> Trouble:
        trouble = NOWHERE
        known = dict.fromkeys([*self._places.all(), *self._settings.places])
        for place in sorted(known, key=lambda one: one == failed):
            reply = self._links.ask(place, _SLOTS, _soon(until))
            if type(reply) is not Trouble:
                self._places.learn_slots(reply, place)
                return NOWHERE
            trouble = _worse(trouble, reply)
        return trouble

    def _ask_sentinels(self, until: float, failed: Address | None) -> Trouble:
        """Believe the first one that names another primary than what *failed*, and ask that one
        first the next time."""
        trouble = NOWHERE
        self.due = monotonic() + _LATELY
        if self._places.all() and failed is None:
            until = min(until, monotonic() + _GLANCE_SECONDS)
        for _ in self._settings.sentinels:
            reply = self._watch.ask(self._sentinels[0], self._primary, _soon(until))
            named = _named(reply)
            if named is not None and named != failed:
                self._follow(named)
                return NOWHERE
            self._sentinels.rotate(-1)
            if named is None:
                trouble = _worse(trouble, _UNKNOWN if reply is None else reply)
        return trouble

    def _follow(self, primary: Address) -> None:
        """Go to *primary* from now on, and to no other."""
        before = self._places.all()
        self._places.learn_primary(primary)
        for place in before:
            if place != primary:
                self._links.forget(place)

    def _leave_behind(self) -> None:
        self._is_searching = False


def _named(reply: Any) -> Address | None:
    """The primary in what a Sentinel answered, if there is one."""
    if type(reply) is Trouble or not reply:
        return None
    return reply[0].decode(), int(reply[1])


def _worse(one: Trouble, other: Trouble) -> Trouble:
    """The one that does not pass by itself, if one of them is such."""
    return one if not meaning(one.error).passes else other


def _soon(until: float) -> float:
    return min(until, monotonic() + _ASKED_SECONDS)
