# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""Key-value on a server: a string an entry, with the server's own expiry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..core.counting import SAFE
from ..dialog_store import DialogStore
from ..errors import UnstorableError, WrongTypeError
from ..keys import Names
from ..protocols import HistoryStore, LeaseStore, RateLimitStore, TallyStore, VisitStore
from ..records import DELETE, MISSING, Capabilities, Deletion, Missing, Page
from ..ttl import At, Expiry, Keeping
from ..watching import Watch
from .commands import (
    AGAIN,
    ONCE,
    READ,
    Command,
    Get,
    Script,
    Word,
    lasting,
    lasting_anew,
    lasting_on,
    run,
    starting_with,
)
from .dialogs import RedisDialogs
from .door import Door
from .histories import RedisHistories
from .leases import RedisLeases
from .limits import RedisLimits
from .options import Options
from .replies import flag
from .scanning import begun, further, is_text, scanning
from .tallies import RedisTallies
from .visits import RedisVisits
from .watching import RedisWatch

_SWAP, _DISCARD, _INCR = Script("swap"), Script("discard"), Script("incr")
_WRITE, _WRITE_MANY = Script("write"), Script("write_many")
_PERSIST, _ENDS, _RESTORE = Script("persist"), Script("ends", "now"), Script("restore")

_ROOMS: Final[dict[object, Any]] = {
    LeaseStore: RedisLeases,
    VisitStore: RedisVisits,
    RateLimitStore: RedisLimits,
    TallyStore: RedisTallies,
    HistoryStore: RedisHistories,
    DialogStore: RedisDialogs,
    Watch: RedisWatch,
}

_new: Final = tuple.__new__

_KEYS_AT_ONCE, _BYTES_AT_ONCE = 500, 1024 * 1024
"""What one command carries at the most: a server does one command after the other."""

Restored = tuple[bytes, bytes, "int | None"]
"""The name, the bytes and the end of an entry."""


class RedisBackend:
    """The entries of one deployment."""

    def __init__(self, options: Options) -> None:
        self._door = Door(options)
        self._places = self._door.places
        self.label: str = self._door.label
        self.capabilities: Capabilities = Capabilities(
            atomic="shared", expiry_ms=1, iteration=True, durable=True
        )

    def read(self, name: str) -> bytes | None:
        key = name.encode()
        command: Get = _new(Get, (READ, key, (b"GET", key), None, None))
        reply = self._door.call(command, name)
        raw: bytes | None = reply
        return raw

    def ends(self, name: str) -> int | Missing | None:
        reply = self._door.call(run(_ENDS, READ, (name.encode(),)), name)
        return _end(reply[0])

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        key = name.encode()
        options = lasting(expiry)
        if options[:1] == (b"KEEP",):
            command = run(_WRITE, AGAIN, (key,), options[1], raw)
        else:
            command = Command(AGAIN, key, (b"SET", key, raw, *options))
        self._door.call(command, name)

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        key = name.encode()
        command = Command(ONCE, key, (b"SET", key, raw, b"NX", *lasting_anew(expiry)))
        reply = self._door.call(command, name)
        return reply is not None

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        key = name.encode()
        if new is DELETE:
            command = run(_DISCARD, ONCE, (key,), old)
        else:
            command = run(_SWAP, ONCE, (key,), old, new, *lasting_on(expiry))
        reply = self._door.call(command, name)
        return flag(reply)

    def remove(self, name: str) -> bool:
        key = name.encode()
        reply = self._door.call(Command(ONCE, key, (b"UNLINK", key)), name)
        return flag(reply)

    def exists(self, name: str) -> bool:
        key = name.encode()
        reply = self._door.call(Command(READ, key, (b"EXISTS", key)), name)
        return flag(reply)

    def touch(self, name: str, expiry: Expiry) -> bool:
        reply = self._door.call(_touching(name.encode(), expiry), name)
        return flag(reply)

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        kind, ms = (*lasting(expiry), b"", b"")[:2]
        first = initial + by
        bounds = (max(-SAFE - by, -SAFE), min(SAFE - by, SAFE))
        least, most = bounds if bounds[0] <= bounds[1] else (1, 0)
        words = (by if least <= most else 0, least, most, first if abs(first) <= SAFE else b"")
        command = run(_INCR, ONCE, (name.encode(),), *words, kind, ms)
        reply = self._door.call(command, name)
        return total(reply)

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        keys = [name.encode() for name in names]
        return self._read_all(keys)

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        keys = [name.encode() for name, _ in entries]
        commands = []
        for group in self._places.groups(keys):
            chosen = [(keys[index], entries[index][1]) for index in group]
            if chosen:
                commands.append(_writing(chosen, expiry))
        self._door.batch(commands)

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        keys = [name.encode() for name in names]
        groups = [
            group[start : start + _KEYS_AT_ONCE]
            for group in self._places.groups(keys)
            for start in range(0, len(group), _KEYS_AT_ONCE)
        ]
        commands = [run(_ENDS, READ, tuple(keys[index] for index in group)) for group in groups]
        found: list[int | Missing | None] = [MISSING] * len(keys)
        replies = self._door.batch(commands)
        for group, reply in zip(groups, replies):
            for index, ends in zip(group, reply):
                found[index] = _end(ends)
        return found

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        lasting: list[Restored] = []
        others: list[Restored] = []
        for name, raw, ends in entries:
            some = lasting if replace and ends is None else others
            some.append((name.encode(), raw, ends))
        commands = [_restoring(chosen, replace) for chosen in self._grouped(others)]
        commands += [_lasting(chosen) for chosen in self._grouped(lasting)]
        replies = self._door.batch(commands)
        return len(entries) if replace else sum(replies)

    def remove_many(self, names: Sequence[str]) -> int:
        keys = [name.encode() for name in names]
        return self._remove_all(keys)

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        servers = self._door.servers()
        place, at = begun(servers, cursor)
        reply = self._door.call(scanning(place, at, starting_with(prefix)))
        following, scanned = reply
        beyond = further(servers, place, following)
        keys = [key for key in scanned if is_text(key)]
        if not values:
            return Page([key.decode() for key in keys], [], beyond)
        found = self._read_all(keys)
        pairs = [(key.decode(), raw) for key, raw in zip(keys, found) if raw is not None]
        return Page([name for name, _ in pairs], [raw for _, raw in pairs], beyond)

    def clear(self, prefix: str) -> int:
        cursor = None
        removed = 0
        while True:
            page = self.page(prefix, cursor, False)
            there = self.remove_many(page.names)
            removed += there
            cursor = page.cursor
            if cursor is None:
                return removed

    def room(self, kind: object, names: Names) -> Any:
        """What this deployment offers besides entries, where that is asked for."""
        made = _ROOMS.get(kind)
        return None if made is None else made(self._door, names)

    def close(self) -> None:
        self._door.close()

    def _grouped(self, entries: Sequence[Restored]) -> list[list[Restored]]:
        """*entries* as they are told: those of one slot in one command, and not too many."""
        found = []
        for group in self._places.groups([key for key, _, _ in entries]):
            some: list[Restored] = []
            size = 0
            for index in group:
                size += len(entries[index][1])
                if some and (size > _BYTES_AT_ONCE or len(some) == _KEYS_AT_ONCE):
                    found.append(some)
                    some, size = [], len(entries[index][1])
                some.append(entries[index])
            if some:
                found.append(some)
        return found

    def _read_all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        groups = [group for group in self._places.groups(keys) if group]
        commands = [_reading([keys[index] for index in group]) for group in groups]
        found: list[bytes | None] = [None] * len(keys)
        replies = self._door.batch(commands)
        for group, reply in zip(groups, replies):
            for index, raw in zip(group, reply):
                found[index] = raw
        return found

    def _remove_all(self, keys: Sequence[bytes]) -> int:
        commands = []
        for group in self._places.groups(keys):
            chosen = [keys[index] for index in group]
            if chosen:
                commands.append(Command(ONCE, chosen[0], (b"UNLINK", *chosen)))
        replies = self._door.batch(commands)
        return sum(replies)


def total(reply: int | list[int]) -> int:
    """The sum, or what kept it from being one."""
    if isinstance(reply, int):
        return reply
    if reply == [-1]:
        raise WrongTypeError("incr works on integers, and the stored value is none")
    raise UnstorableError("$", "the sum is beyond 2**53 - 1")


def _reading(keys: Sequence[bytes]) -> Command:
    return Command(READ, keys[0], (b"MGET", *keys))


def _writing(entries: Sequence[tuple[bytes, bytes]], expiry: Expiry) -> Command:
    """What writes *entries*, which lie in one slot, in one step."""
    keys = tuple(key for key, _ in entries)
    raws = tuple(raw for _, raw in entries)
    options = lasting(expiry)
    if not options:
        pairs = [part for pair in entries for part in pair]
        return Command(AGAIN, keys[0], (b"MSET", *pairs))
    if options[:1] == (b"KEEP",):
        return run(_WRITE, AGAIN, keys, options[1], *raws)
    return run(_WRITE_MANY, AGAIN, keys, len(options), *options, *raws)


def _lasting(entries: Sequence[Restored]) -> Command:
    """What puts *entries* there, which lie in one slot, for ever."""
    return _writing([(key, raw) for key, raw, _ in entries], None)


def _restoring(entries: Sequence[Restored], replace: bool) -> Command:
    """What puts *entries* there, which lie in one slot, in one step; what replaces others ends."""
    words: list[Word] = [0 if replace else 1]
    for _, raw, ends in entries:
        words += (raw, b"" if ends is None else max(ends, 1))
    return run(_RESTORE, AGAIN, tuple(key for key, _, _ in entries), *words)


def _end(reply: int) -> int | Missing | None:
    if reply < 0:
        return MISSING if reply == -2 else None
    return reply


def _touching(key: bytes, expiry: Expiry) -> Command:
    if isinstance(expiry, Keeping):
        return Command(READ, key, (b"EXISTS", key))
    if expiry is None:
        return run(_PERSIST, AGAIN, (key,))
    if isinstance(expiry, At):
        return Command(ONCE, key, (b"PEXPIREAT", key, b"%d" % max(expiry.ms, 1)))
    return Command(AGAIN, key, (b"PEXPIRE", key, b"%d" % expiry))
