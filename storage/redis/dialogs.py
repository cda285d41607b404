# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Sessions of session continuity on a server, in the layout of the library of that name.

A session is a hash, its messages are hashes that a sorted set lists, and a counter numbers them.
Others may write there too: what is known of the messages is kept beside them, and counted anew
where it does not belong to what is there. Each step is one script, and goes by the clock of the
server; only what is of more than a thousand messages takes several.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

from ..core.dialog.choosing import asked_for, chosen
from ..dialogs import (
    NOTHING,
    Asked,
    Change,
    Changed,
    Fields,
    Held,
    Outcome,
    Said,
    Terms,
    Wanted,
)
from ..errors import ConfigurationError, CorruptValueError, StorageError, UnavailableError
from ..keys import Names, check_key
from ..runtime import Runtime
from .commands import AGAIN, ONCE, READ, Command, Effect, Script, Word, run
from .dialog_scripts import (
    ADD,
    AMEND,
    CHANGE,
    COUNT,
    CREATE,
    DISCARD,
    EMPTY,
    LISTED,
    LOOK,
    ONE,
    PAGE,
    REMOVE,
    RENEW,
)
from .dialog_sweeper import DialogSweeper
from .dialog_words import (
    SCATTERED,
    added,
    adding_told,
    amendment_told,
    asked_told,
    bounds_told,
    change_told,
    flat,
    held_of,
    id_told,
    in_order,
    is_session,
    maybe,
    message_of,
    terms_told,
)
from .door import Door

_AT_ONCE: Final = 100
"""So many sessions are read by one script."""

_TIMES: Final = 50
"""So often the messages of a session are counted while others change them."""

_ELSEWHERE: Final = [b"away", b"", b""]
_AWAY: Final = 0.01
"""So long a session is waited for that another library may be writing anew."""


class RedisDialogs:
    """The sessions behind a *door* whose keys begin with the prefix of *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        if door.places.clustered:
            raise ConfigurationError(SCATTERED, store=door.label)
        self._door = door
        self._label: str = door.label
        self._prefix: str = names.prefix
        self._start: bytes = names.prefix.encode()
        self._sweeper = DialogSweeper(door, names.prefix)
        self._runtime = Runtime()

    def create(self, fields: Fields, terms: Terms) -> Held | None:
        session_id = fields["id"]
        words = (*terms_told(terms), *flat(fields))
        while True:
            reply = self._step(CREATE, ONCE, session_id, *words)
            if reply[0] == b"done":
                return self._held(session_id, reply[2:])
            if reply[0] == b"taken":
                return None

    def find(self, session_id: str) -> Held | None:
        key = self._key(session_id)
        for _ in range(_TIMES):
            reply = self._told(run(LOOK, AGAIN, (key,), self._start, 0), session_id, [0])
            (found,) = reply
            if not found:
                return None
            if found[1] >= 0:
                return self._held(session_id, found)
            self._count(key, session_id)
        raise self._too_fast(session_id)

    def change(self, session_id: str, change: Change, terms: Terms) -> Changed:
        words = (*terms_told(terms), *change_told(change))
        reply = self._step(CHANGE, ONCE, session_id, *words)
        if reply[0] == b"corrupt":
            raise self._corrupt(session_id, "its version is no number")
        outcome = _outcome(reply)
        if outcome == "missing":
            return Changed(outcome)
        return Changed(outcome, self._held(session_id, reply[2:]))

    def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        key = self._key(session_id)
        command = run(REMOVE, ONCE, (key,), self._start, maybe(expired_by))
        reply = self._told(command, session_id, 3)
        if reply == 2:
            self._sweeper.sweep([key])
        return reply in (1, 2)

    def select(self, wanted: Wanted) -> Sequence[Held]:
        if wanted.limit == 0:
            return []
        user_id = wanted.user_id
        told = self._all() if user_id is None else self._listed(user_id)
        helds = {name: self._held(name, one) for name, one in told.items()}
        # The hash of another program may be called like one of a session.
        helds = {name: held for name, held in helds.items() if held.fields.get("id") == name}
        names = {id(held): name for name, held in helds.items()}
        found = chosen(helds.values(), wanted)
        uncounted = [names[id(held)] for held in found if held.messages < 0]
        if not uncounted:
            return found
        counted = self._counted(uncounted)
        known = [counted.get(names[id(held)]) if held.messages < 0 else held for held in found]
        return [held for held in known if held is not None]

    def add(
        self, session_id: str, message: Fields, terms: Terms, most_tokens: int | None = None
    ) -> Said:
        check_key(message["id"], self._label)
        key = self._key(session_id)
        words = adding_told(key, self._start, terms, message, most_tokens)
        reply = self._done(Command(AGAIN, key, words, ADD), session_id)
        if type(reply) is bytes or reply[0] == b"done":
            told: Any = reply.split() if type(reply) is bytes else reply[2:]
            return Said("done", added(session_id, message, *told))
        outcome = _outcome(reply)
        if outcome == "repeated":
            return Said(outcome, self._message(session_id, reply[2]))
        if outcome == "closed":
            return Said(outcome, status=reply[2].decode())
        if outcome == "full":
            return Said(outcome, used=reply[2], most=reply[3])
        return Said(outcome)

    def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        if asked.limit == 0:
            return []
        key = self._key(session_id)
        if asked.id is not None:
            return self._one(key, session_id, asked)
        wanted, skip = bounds_told(asked)
        last, score = b"", b""
        found: list[Any] = []
        times = 0
        while True:
            head = (int(asked.newest), 0, last, score, skip, wanted)
            command = run(PAGE, AGAIN, (key,), self._start, *head, *asked_told(asked))
            reply = self._told(command, session_id, 2)
            if reply is None or reply == 2:
                return []
            if reply == 0:
                whole = self._whole(key, session_id)
                return asked_for(whole, asked)
            if reply == 1 and times < _TIMES:
                self._count(key, session_id)
                times += 1
                continue
            if reply == 1:
                raise self._too_fast(session_id)
            last, score, skip, *some = reply
            found += some
            wanted -= len(some) if wanted > 0 else 0
            if not score:
                return [self._message(session_id, one) for one in found]

    def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: Terms,
        expected: Fields = NOTHING,
    ) -> Said:
        check_key(message_id, self._label)
        words = (*terms_told(terms), message_id.encode(), *amendment_told(put, drop, expected))
        reply = self._step(AMEND, ONCE, session_id, *words)
        return self._changed(session_id, reply)

    def discard(self, session_id: str, message_id: str, terms: Terms) -> Said:
        check_key(message_id, self._label)
        words = (*terms_told(terms), message_id.encode())
        reply = self._step(DISCARD, ONCE, session_id, *words)
        return self._changed(session_id, reply)

    def discard_all(self, session_id: str, terms: Terms) -> int | None:
        reply = self._step(EMPTY, ONCE, session_id, *terms_told(terms))
        if _outcome(reply) == "missing":
            return None
        gone: int = reply[2]
        if reply[3]:
            self._sweeper.clear(reply[3])
        return gone

    def ids(self, user_id: str) -> Sequence[str]:
        check_key(user_id, self._label)
        return self._sweeper.ids(user_id)

    def expired(self, before: int | None) -> Sequence[str]:
        return self._sweeper.expired(before)

    def ping(self) -> None:
        self._door.call(Command(READ, b"", (b"PING",)))

    def _step(self, script: Script, effect: Effect, session_id: str, *words: Word) -> list[Any]:
        """What a script says that changes a session, of which all is known that it needs."""
        key = self._key(session_id)
        reply: list[Any] = self._done(run(script, effect, (key,), self._start, *words), session_id)
        return reply

    def _done(self, command: Command, session_id: str) -> Any:
        """The same of a *command* that runs such a script."""
        for _ in range(_TIMES):
            reply = self._told(command, session_id, _ELSEWHERE)
            if type(reply) is bytes:
                return reply
            if reply[0] != b"stale":
                if len(reply) > 1 and reply[1]:
                    self._renew(command.key, session_id, reply[1])
                return reply
            self._count(command.key, session_id)
        raise self._too_fast(session_id)

    def _told(self, command: Command, session_id: str, away: object) -> Any:
        """What a script says of a session; what it says soon after where another library may just
        be writing that anew."""
        reply = self._door.call(command, session_id)
        if reply == away:
            self._runtime.sleep(_AWAY)
            reply = self._door.call(command, session_id)
        return reply

    def _renew(self, key: bytes, session_id: str, more: bytes) -> None:
        """Let the messages of a session last longer: those that its step did not come to."""
        until, place, *rest = more.split()
        try:
            while place != b"-1":
                command = run(RENEW, AGAIN, (key,), self._start, until, place, *rest)
                reply = self._door.call(command, session_id)
                place = b"%d" % reply
        except StorageError:
            # The step is done, and the next one begins this anew.
            return

    def _count(self, key: bytes, session_id: str) -> None:
        """Have the messages of a session counted, slice by slice."""
        told: Sequence[Word] = (os.urandom(8).hex().encode(),)
        before, times = 0, 0
        while times < _TIMES:
            reply = self._door.call(run(COUNT, AGAIN, (key,), self._start, *told), session_id)
            if reply is None:
                return
            told = reply
            times += 0 if reply[1] > before else 1
            before = reply[1]
        raise self._too_fast(session_id)

    def _counted(self, names: Sequence[str]) -> dict[str, Held | None]:
        """Sessions whose messages had to be counted."""
        word = os.urandom(8).hex().encode()
        keys = [self._key(name) for name in names]
        self._door.batch([run(COUNT, AGAIN, (key,), self._start, word) for key in keys])
        found = self._looked(keys)
        helds = {name: self._held(name, found[name]) for name in names if name in found}
        known: dict[str, Held | None] = {}
        for name, held in helds.items():
            known[name] = held if held.messages >= 0 else self.find(name)
        return known

    def _all(self) -> dict[str, Any]:
        """All sessions, as a script tells them."""
        found: dict[str, Any] = {}
        for names in self._sweeper.names_like("session:"):
            start = len(self._prefix) + len("session:")
            keys = [name.encode() for name in names if is_session(name[start:])]
            some = self._looked(keys)
            found.update(some)
        return found

    def _listed(self, user_id: str) -> dict[str, Any]:
        """The sessions on the list of a user, as a script tells them."""
        check_key(user_id, self._label)
        key = f"{self._prefix}user:{user_id}:sessions".encode()
        found: dict[str, Any] = {}
        following = b"0"
        while True:
            reply = self._door.call(run(LISTED, AGAIN, (key,), self._start, following))
            following, *some = reply
            found.update({one[4].decode(): one for one in some})
            if following == b"0":
                return found

    def _looked(self, keys: Sequence[bytes]) -> dict[str, Any]:
        """Those of some sessions that are there, as a script tells them."""
        parts = [keys[place : place + _AT_ONCE] for place in range(0, len(keys), _AT_ONCE)]
        commands = [run(LOOK, AGAIN, tuple(part), self._start, 1) for part in parts]
        replies = self._door.batch(commands)
        told = [one for reply in replies for one in reply if one is not None]
        return {one[4].decode(): one for one in told}

    def _whole(self, key: bytes, session_id: str) -> list[Fields]:
        """All messages of a session whose scores tell no order."""
        last, score = b"", b""
        found: dict[bytes, Any] = {}
        while True:
            words = (0, 1, last, score, 0, -1, b"", b"")
            reply = self._door.call(run(PAGE, READ, (key,), self._start, *words), session_id)
            if reply is None:
                return []
            last, score, _, *some = reply
            found.update({id_told(one): one for one in some})
            if not score:
                return self._in_order(session_id, list(found.values()))

    def _one(self, key: bytes, session_id: str, asked: Asked) -> Sequence[Fields]:
        """The message of one id, if it is asked for besides."""
        name = asked.id or ""
        check_key(name, self._label)
        reply = self._told(run(ONE, READ, (key,), self._start, name.encode()), session_id, 2)
        found = [] if reply == 2 else [self._message(session_id, one) for one in reply]
        return asked_for(found, asked._replace(id=None))

    def _key(self, session_id: str) -> bytes:
        check_key(session_id, self._label)
        return f"{self._prefix}session:{session_id}".encode()

    def _held(self, session_id: str, told: Sequence[Any]) -> Held:
        try:
            return held_of(told)
        except UnicodeDecodeError:
            raise self._corrupt(session_id, "it is no text") from None

    def _changed(self, session_id: str, reply: Sequence[Any]) -> Said:
        """What a script says that changed a message."""
        outcome = _outcome(reply)
        if outcome == "done":
            return Said(outcome, self._message(session_id, reply[2]))
        return Said(outcome, status=reply[2].decode())

    def _message(self, session_id: str, told: Sequence[Any]) -> Fields:
        try:
            return message_of(session_id, told)
        except UnicodeDecodeError:
            raise self._corrupt(session_id, "a message is no text") from None

    def _in_order(self, session_id: str, told: Sequence[Any]) -> list[Fields]:
        try:
            return in_order(session_id, told)
        except UnicodeDecodeError:
            raise self._corrupt(session_id, "a message is no text") from None

    def _corrupt(self, session_id: str, reason: str) -> CorruptValueError:
        message = f"the session can not be read: {reason}"
        return CorruptValueError(message, store=self._label, key=session_id)

    def _too_fast(self, session_id: str) -> UnavailableError:
        message = "others change the session faster than its messages can be counted"
        return UnavailableError(message, store=self._label, key=session_id)


def _outcome(reply: Sequence[Any]) -> Outcome:
    outcome: Outcome = "missing" if reply[0] == b"away" else reply[0].decode()
    return outcome
