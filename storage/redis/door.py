# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""The only way to a server: every command goes through here, within one deadline a call.

What the server did not run for certain is tried again, and what may be run twice; anything else
that fails half-way is an `OutcomeUnknownError`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ..closed import closed
from ..errors import AccessDeniedError, ClosedError, StorageError
from ..runtime import Runtime, monotonic
from .commands import READ, Command, Script
from .course import Budget, Course, Step
from .finder import Finder
from .foreign import Foreign
from .links import LIBRARY, Links
from .options import Options
from .places import Places
from .replies import NOWHERE, TAKEN_OVER, AllLentError, Phase, Trouble, discreet, meaning, word
from .settings import SECONDS, Address, Maker, settings
from .vigils import Vigils

_SOON = 0.1

_LATE = 1.0
"""How much later than it should a server may answer who waits there."""

_CONNECTING = 10
"""So many times as long as for an answer who is in a hurry waits to be connected."""

_ASKING = Command(READ, b"", (b"ASKING",))

_ANYBODY = Command(READ, b"", (b"SCAN", b"0", b"COUNT", b"1"))
"""What any server answers that has keys."""


class Door:
    """The way to what *options* name."""

    def __init__(self, options: Options) -> None:
        known = settings(options, LIBRARY)
        self._seconds = options.timeout or SECONDS
        if known is None:
            foreign = Foreign(options.target, options.accept_retries)
            known = foreign.settings
            self.maker: Maker | None = None
            self._links: Any = foreign
            self._waits: Any = foreign
        else:
            # Where another server may take over, one that is silent does not get all the time.
            alone = not known.clustered and known.service is None
            most = self._seconds if alone else self._seconds / 2
            once = min(most, known.maker.seconds or math.inf)
            self.maker = known.maker
            self._links = Links(known.maker.connection, known.limit, once)
            # Who waits for somebody else does not keep those from working who could end it.
            self._waits = Links(known.maker.connection, math.inf, once)
        self.label: str = known.label
        self.places: Places = Places(known)
        self._finder = Finder(known, self.places, self._links)
        self._runtime = Runtime()
        self.vigils: Vigils = Vigils()
        self._down: set[Address] = set()
        self._is_closed = False

    def call(self, command: Command, name: str | None = None, within: float | None = None) -> Any:
        """What the server replies to *command*, which is about the entry called *name*.

        It is given up when the reply does not come *within* so many seconds, less those that it
        takes to connect.
        """
        now = monotonic()
        until, budget = now + self._seconds, None
        if within is not None:
            until, budget = self._until(now, within)
        place = self.places.of(command)
        reply: Any = NOWHERE
        if place is None or now >= self._finder.due:
            reply = self._search(until, budget)
            place = self.places.of(command)
        if place is not None:
            reply = self._links.ask(place, command, until, 0.0, budget)
        if type(reply) is Trouble:
            reply = self._persist(command, name, until, place, reply, budget)
        elif self._down and place is not None:
            self._down.discard(place)
        return reply

    def batch(self, commands: Sequence[Command], within: float | None = None) -> list[Any]:
        """What the servers reply to *commands*: one trip to each server."""
        now = monotonic()
        until, budget = self._until(now, within)
        if not self.places.all() or now >= self._finder.due:
            self._search(until, budget)
        replies: list[Any] = [NOWHERE] * len(commands)
        self._ask_each(commands, range(len(commands)), replies, until, budget)
        moved = [index for index, reply in enumerate(replies) if _is_about(reply, "MOVED")]
        if moved and self.places.clustered:
            self._search(until, budget)
            self._ask_each(commands, moved, replies, until, budget)
        for index, reply in enumerate(replies):
            if type(reply) is Trouble:
                place = self.places.of(commands[index])
                replies[index] = self._persist(commands[index], None, until, place, reply, budget)
        return replies

    def wait(self, command: Command, seconds: float, name: str) -> None:
        """Let *command* wait at the server for *seconds*. It is no more than a hint: of what keeps
        it from that, the next command will hear, unless it is no right of this one's."""
        place = self.places.of(command)
        reply: Any = NOWHERE
        if place is not None:
            until = monotonic() + min(self._seconds, _LATE)
            reply = self._waits.ask(place, command, until, seconds)
        if type(reply) is not Trouble:
            return
        told = meaning(reply.error)
        if told.kind is AccessDeniedError:
            raise told.kind(told.message, store=self.label, key=name) from discreet(reply.error)
        self._runtime.sleep(min(seconds, _SOON))

    def servers(self) -> list[Address]:
        """Where the keys are, which is asked for if nobody has yet."""
        now = monotonic()
        if now >= self._finder.due:
            self._finder.search(now + self._seconds, None)
        if not self.places.all():
            self.call(_ANYBODY)
        return self.places.all()

    def look_about(self) -> list[Address]:
        """Where the keys are by now."""
        if self._is_closed:
            raise ClosedError("the store is closed", store=self.label)
        self._finder.search(monotonic() + min(self._seconds, _LATE), None)
        return self.places.all()

    def close(self) -> None:
        """Close the connections that were made here; twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        self._links.close()
        self._waits.close()
        self._finder.close()
        self._links = self._waits = closed(self.label)

    def _search(self, until: float, budget: Budget | None) -> Trouble:
        """Look where the keys are, which is a part of connecting."""
        before = monotonic()
        trouble = self._finder.search(until, None)
        if budget is not None:
            budget.forgive(monotonic() - before)
        return trouble

    def _until(self, now: float, within: float | None) -> tuple[float, Budget | None]:
        """When a call is over that begins *now*, and what ends it earlier."""
        if within is None:
            return now + self._seconds, None
        return now + min(self._seconds, within * (1 + _CONNECTING)), Budget(now + within)

    def _ask_each(
        self,
        commands: Sequence[Command],
        indexes: Iterable[int],
        replies: list[Any],
        until: float,
        budget: Budget | None,
    ) -> None:
        """Take the *replies* to those of *commands*, in one trip to each server."""
        for place, asked in self.places.by_place(commands, indexes).items():
            if place is None:
                continue
            answers = self._links.ask_all(
                place, [commands[index] for index in asked], until, budget
            )
            for index, answer in zip(asked, answers):
                replies[index] = answer
            # Another may have told the server the script meanwhile: what was run is not said again.
            unknown = [index for index in asked if _is_about(replies[index], "NOSCRIPT")]
            if unknown:
                again = _spelled_out([commands[index] for index in unknown])
                answers = self._links.ask_all(place, again, until, budget)
                for index, answer in zip(unknown, answers):
                    replies[index] = answer
            if type(answers[-1]) is not Trouble:
                self._down.discard(place)

    def _persist(
        self,
        command: Command,
        name: str | None,
        until: float,
        place: Address | None,
        trouble: Trouble,
        budget: Budget | None,
    ) -> Any:
        """Go on after *trouble* at *place*, until there is a reply or no more sense in it."""
        course = self._course(command, until, place, budget)
        reply: Any = trouble
        while type(reply) is Trouble:
            step = course.after(reply, place, monotonic())
            if isinstance(step, StorageError):
                if budget is None:
                    self._give_up(reply, place)
                step.store, step.key = self.label, name
                try:
                    raise step from discreet(reply.error)
                finally:
                    del step  # or the error holds itself, and what failed, until a collection
            if step.pause:
                self._runtime.sleep(step.pause)
            if step.moved and step.place is not None:
                self.places.move(command.key, step.place)
            before: Trouble = reply
            reply = NOWHERE
            if step.search:
                reply = self._look_around(step, course.until, place)
            place = step.place or self.places.of(command)
            if monotonic() >= course.until:
                # What nobody waits for any more is not sent.
                reply = before
            elif place is not None:
                reply = self._again(place, step, until, budget)
            elif command.at is not None:
                reply = TAKEN_OVER
        if place is not None:
            self._down.discard(place)
        return reply

    def _course(
        self, command: Command, until: float, place: Address | None, budget: Budget | None
    ) -> Course:
        return Course(
            command,
            until,
            known_down=place in self._down,
            alone=self.places.fixed,
            reached=self.places.reached if self.places.clustered else None,
            budget=budget,
        )

    def _look_around(self, step: Step, until: float, place: Address | None) -> Trouble:
        """Give up old connections to where it failed, and look where the keys are now."""
        if place is not None and not step.moved:
            self._links.forget(place)
        return self._finder.search(until, place)

    def _again(self, place: Address, step: Step, until: float, budget: Budget | None) -> Any:
        if not self.places.fixed:
            # Another server may take over while this one is silent: leave time to ask that.
            until -= (until - monotonic()) / 2
        if not step.asking:
            return self._links.ask(place, step.command, until, 0.0, budget)
        replies = self._links.ask_all(place, [_ASKING, step.command], until, budget)
        refused = type(replies[0]) is Trouble
        return replies[0] if refused else replies[1]

    def _give_up(self, trouble: Trouble, place: Address | None) -> None:
        """Remember a server that could not be reached in all of a call: the next one fails fast."""
        reached = trouble.phase is not Phase.UNSENT or isinstance(trouble.error, AllLentError)
        if place is not None and not reached:
            self._down.add(place)


def _spelled_out(commands: Sequence[Command]) -> list[Command]:
    """*commands* with each script in the first of those that run it."""
    known: set[Script | None] = set()
    found = []
    for command in commands:
        found.append(command if command.script in known else command.spelled_out())
        known.add(command.script)
    return found


def _is_about(reply: Any, first: str) -> bool:
    """Whether a server refused a command with this word."""
    return type(reply) is Trouble and word(reply.error) == first
