# Written by tools/mirror.py from storage/redis/histories.py: change that file and run the tool.
"""Conversations on a server: a list each, of which the first element is what is known of it.

Each step is one script, and goes by the clock of the server; only a conversation that is too long
to be read or restored at once takes several.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from ...core.history import VERSION, State, packed, unpacked
from ...errors import CorruptValueError, UnavailableError, WrongTypeError
from ...histories import (
    Alteration,
    Appended,
    Bounds,
    Entry,
    KeyPage,
    Outcome,
    Query,
    Standing,
    Stretch,
    Terms,
)
from ...keys import Names
from ...redis.commands import AGAIN, ONCE, READ, Command, Script, Word, run
from .door import Door
from ...redis.places import beside_name
from ...redis.replies import flag
from ...redis.scanning import begun, further, is_text, scanning
from ...redis.talks import (
    GOES_ON,
    NOTHING_READ,
    Found,
    beyond,
    bounds_told,
    ends_told,
    glance_told,
    glanced_at,
    key_of,
    parted,
    pattern,
    query_told,
    terms_told,
)

_APPEND = Script("append", "talk", "admitted", "trimmed")
_FORGET = Script("forget")
_GLANCE = Script("glance")
_STRETCH, _RECENT = Script("stretch", "history"), Script("recent", "history")
_STANDING, _FILL = Script("standing", "now"), Script("fill", "now", "ending")
_ALTER = Script("alter", "now", "ending", "history")

_APPENDING: Final = (b"EVALSHA", _APPEND.sha, b"1")

_MOST_KNOWN: Final = 1024

_new: Final = tuple.__new__

_PLAIN: Final = Query()[1:]

_FEW: Final = 256
"""So many messages are read by a plain command at the most."""

_KEYS_AT_ONCE: Final = 500

_HEAD: Final = bytes((0, VERSION))
_LEAST: Final = len(packed(State(0)))

_REFUSED: Final[dict[int, Outcome]] = {3: "conflict", 4: "orphan", 5: "full"}


class RedisHistories:
    """The conversations behind a *door* whose keys are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._places = door.places
        self._label: str = door.label
        self._names = names
        self._start: str = names.segment("history")
        self._told: tuple[Terms | None, bytes] = (None, b"")
        self._known: dict[str, bytes] = {}

    async def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        name = self._known.get(key) or self._learn(key)
        known, told = self._told
        if known is not terms:
            told = terms_told(terms)
            self._told = terms, told
        effect = AGAIN if terms.note or not entries else ONCE
        words = (*_APPENDING, name, told, *[entry.packed() for entry in entries])
        reply = await self._door.call(Command(effect, name, words, _APPEND), key)
        if type(reply) is not int:
            return self._appended(key, reply, len(entries))
        done: Appended = _new(Appended, ("appended", reply - len(entries) + 1, reply, False, 0))
        return done

    async def read(self, key: str, query: Query) -> Stretch:
        limit = query.limit
        if limit is None or limit > _FEW or query[1:] != _PLAIN:
            return await self._read(key, query)
        name = self._known.get(key) or self._learn(key)
        words = (b"LRANGE", name, b"-%d" % (limit + 1), b"-1")
        reply = await self._door.call(Command(READ, name, words), key)
        if len(reply) <= limit or reply[0][:2] == _HEAD:
            if not reply:
                return Stretch(None, [], False)
            return Stretch(self._state(key, reply[0]), reply[1:], False)
        return Stretch(None, reply[1:], True)

    async def recent(self, key: str, bounds: Bounds) -> Stretch:
        name = self._known.get(key) or self._learn(key)
        reply = await self._door.call(run(_GLANCE, READ, (name,), glance_told(bounds)), key)
        if reply is None:
            return Stretch(None, [], False)
        state, guarded, *records = self._checked(key, reply)
        glanced = glanced_at(state, guarded, records, bounds)
        if glanced is not None:
            return glanced
        found, read = Found(), NOTHING_READ
        while True:
            command = run(_RECENT, READ, (name,), bounds_told(bounds, read))
            reply = await self._door.call(command, key)
            if reply is None:
                return Stretch(None, [], False)
            state, word, number, messages, tokens, turns, *records = self._checked(key, reply)
            if not found.add(state, records):
                found, read = Found(), NOTHING_READ
            elif word == GOES_ON:
                read = number, messages, tokens, turns
            else:
                return found.stretch(newest=True, more=word == 1)

    async def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        names = self._called(keys)
        parts = self._parts(names)
        commands = [run(_STANDING, READ, tuple([names[one] for one in part])) for part in parts]
        found: list[Standing | None] = [None] * len(keys)
        replies = await self._door.batch(commands)
        for part, reply in zip(parts, replies):
            if reply[0] == -2:
                message = "what is stored under this key is of another kind"
                raise WrongTypeError(message, store=self._label, key=keys[part[reply[1] - 1]])
            for place, state, ends in zip(part, reply[::2], reply[1::2]):
                if state is not None:
                    known = self._state(keys[place], state)
                    found[place] = Standing(known, None if ends < 0 else ends)
        return found

    async def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        name = self._known.get(key) or self._learn(key)
        removed = Struct(f"<{len(alteration.removed)}I").pack(*alteration.removed)
        records = [raw for _, *both in alteration.replaced for raw in both]
        words = (state, alteration.state, *ends_told(terms, alteration.state), removed, *records)
        reply = await self._door.call(run(_ALTER, ONCE, (name,), *words), key)
        if type(reply) is int:
            return flag(reply)
        if reply is not None:
            self._checked(key, reply)
        return False

    async def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        called = self._names.name(key)
        name = beside_name(self._start, called)
        # No conversation is called like it, and where nobody goes on with it, it ends.
        hidden = beside_name(f"{self._start}new~", called) + os.urandom(16).hex().encode()
        ends = ends_told(terms, state)
        goes = b"1" if replaces else b"0"
        before, parts = 0, parted([state, *records])
        for number, part in enumerate(parts, 1):
            is_last = number == len(parts)
            words: tuple[Word, ...] = (before, int(is_last), goes, *ends, *part)
            effect = ONCE if is_last else AGAIN
            reply = await self._door.call(run(_FILL, effect, (hidden, name), *words), key)
            if reply < 0:
                message = "what was written of the conversation so far is gone"
                raise UnavailableError(message, store=self._label, key=key)
            if reply == 0:
                return False
            before += len(part)
        return True

    async def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        names, commands = self._called(keys), []
        for part in self._parts(names):
            some = tuple([names[one] for one in part])
            if states is None:
                commands.append(Command(ONCE, some[0], (b"UNLINK", *some)))
            else:
                commands.append(run(_FORGET, ONCE, some, *[states[one] for one in part]))
        replies = await self._door.batch(commands)
        return sum(replies)

    async def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        servers = await self._door.servers()
        place, at = begun(servers, cursor)
        reply = await self._door.call(scanning(place, at, pattern(self._names, prefix)))
        following, scanned = reply
        found = [key_of(self._names, one.decode()) for one in scanned if is_text(one)]
        keys = [key for key in found if key is not None and key.startswith(prefix)]
        return KeyPage(keys, further(servers, place, following))

    async def _read(self, key: str, query: Query) -> Stretch:
        """What is asked for with conditions, or too much to be read by a plain command."""
        name = self._known.get(key) or self._learn(key)
        found, asked = Found(), query
        while True:
            reply = await self._door.call(run(_STRETCH, READ, (name,), *query_told(asked)), key)
            if reply is None:
                return Stretch(None, [], False)
            state, word, number, *records = self._checked(key, reply)
            if not found.add(state, records):
                found, asked = Found(), query
            elif word == GOES_ON:
                asked = beyond(asked, number, len(records))
            else:
                return found.stretch(newest=query.newest, more=word == 1)

    def _appended(self, key: str, reply: list[Any], count: int) -> Appended:
        """What a script says that is more than the number of the last message."""
        word, *told = self._checked(key, reply)
        if word == 1:
            return Appended("appended", told[0] - count + 1, told[0], more=True)
        if word == 2:
            return Appended("repeated", *told)
        return Appended(_REFUSED[word], last=told[0], which=sum(told[1:]))

    def _checked(self, key: str, reply: list[Any]) -> list[Any]:
        """*reply*, unless it says that there is no conversation."""
        if reply[0] == -1:
            raise self._corrupt(key, reply[1])
        return reply

    def _state(self, key: str, raw: bytes) -> bytes:
        """*raw*, if that is what is known of a conversation."""
        if raw[:2] != _HEAD or len(raw) < _LEAST:
            raise self._corrupt(key, raw)
        return raw

    def _corrupt(self, key: str, raw: bytes) -> CorruptValueError:
        """The error for what is no state."""
        message = "the state of the conversation is cut off"
        try:
            unpacked(raw)
        except ValueError as error:
            message = str(error)
        return CorruptValueError(message, store=self._label, key=key)

    def _called(self, keys: Sequence[str]) -> list[bytes]:
        return [self._known.get(key) or self._learn(key) for key in keys]

    def _learn(self, key: str) -> bytes:
        """What the conversation is called, which is the same every time."""
        name = beside_name(self._start, self._names.name(key))
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = name
        return name

    def _parts(self, names: Sequence[bytes]) -> list[list[int]]:
        """The places of *names* that may stand in one command: those of one slot, not too many."""
        return [
            group[start : start + _KEYS_AT_ONCE]
            for group in self._places.groups(names)
            for start in range(0, len(group), _KEYS_AT_ONCE)
        ]
