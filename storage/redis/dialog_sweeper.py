# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Going through all sessions of a server: whose they are, which are over, what is left of some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import StorageError
from .commands import AGAIN, READ, run, starting_with
from .dialog_scripts import CLEAR, IDS, OVERDUE, PRUNE, SWEEP, WHOSE
from .dialog_words import cleared, is_list, is_session, list_of, maybe, owner
from .door import Door
from .scanning import begun, further, is_text, scanning


class DialogSweeper:
    """What is done with all sessions behind a *door* whose keys begin with *prefix*."""

    def __init__(self, door: Door, prefix: str) -> None:
        self._door = door
        self._prefix = prefix
        self._start: bytes = prefix.encode()

    def names_like(self, start: str, end: str = "") -> Iterator[list[str]]:
        """The names that begin and end so, page by page."""
        pattern = starting_with(self._prefix + start) + end.encode()
        servers = self._door.servers()
        cursor: str | None = None
        while True:
            place, at = begun(servers, cursor)
            reply = self._door.call(scanning(place, at, pattern))
            following, scanned = reply
            yield [name.decode() for name in scanned if is_text(name)]
            cursor = further(servers, place, following)
            if cursor is None:
                return

    def expired(self, before: int | None) -> Sequence[str]:
        """The sessions whose time is over, the earliest first; what is left of others goes."""
        for names in self.names_like("user:", ":sessions*"):
            self._prune(list(dict.fromkeys([list_of(name) for name in names if is_list(name)])))
        found: dict[str, int] = {}
        for names in self.names_like("session:"):
            self._clear([name for name in names if cleared(name)])
            keys = tuple([name.encode() for name in dict.fromkeys(map(owner, names))])
            if not keys:
                continue
            reply = self._door.call(run(OVERDUE, AGAIN, keys, self._start, maybe(before)))
            over, gone = reply
            found.update(zip([one.decode() for one in over[::2] if is_text(one)], over[1::2]))
            self.sweep([keys[index] for index in gone])
        return sorted(found, key=lambda one: (found[one], one))

    def ids(self, user_id: str) -> Sequence[str]:
        """The ids of a user's sessions: those on the list, and those that say so."""
        key = f"{self._prefix}user:{user_id}:sessions".encode()
        found: dict[str, None] = {}
        following = b"0"
        while True:
            reply = self._door.call(run(IDS, AGAIN, (key,), self._start, following))
            following, *some = reply
            found.update(dict.fromkeys([one.decode() for one in some if is_text(one)]))
            if following == b"0":
                break
        start = len(self._prefix) + len("session:")
        for names in self.names_like("session:"):
            keys = tuple([name.encode() for name in names if is_session(name[start:])])
            if keys:
                reply = self._door.call(run(WHOSE, READ, keys, self._start, user_id.encode()))
                found.update(dict.fromkeys([one.decode() for one in reply]))
        return list(found)

    def sweep(self, keys: Sequence[bytes]) -> None:
        """Clear up behind sessions that are gone."""
        while keys:
            commands = [run(SWEEP, AGAIN, (key,), self._start) for key in keys]
            replies = self._door.batch(commands)
            keys = [key for key, reply in zip(keys, replies) if reply == 1]

    def clear(self, name: bytes) -> None:
        """Clear away messages that were those of a session, which are on a list called so."""
        try:
            self._clear([name.decode()])
        except StorageError:
            # They are out of sight, and a cleanup comes to what is left.
            return

    def _clear(self, names: Sequence[str]) -> None:
        while names:
            pairs = [(cleared(name).encode(), name.encode()) for name in names]
            commands = [run(CLEAR, AGAIN, pair, self._start) for pair in pairs]
            replies = self._door.batch(commands)
            names = [name for name, reply in zip(names, replies) if reply == 1]

    def _prune(self, names: Sequence[str]) -> None:
        """Take off lists of sessions those that are gone."""
        places = [(name.encode(), b"0") for name in names]
        while places:
            commands = [run(PRUNE, AGAIN, (key,), self._start, at) for key, at in places]
            replies = self._door.batch(commands)
            places = [(key, at) for (key, _), at in zip(places, replies) if at != b"0"]
