# Mirrored: tools/mirror.py writes the asyncio twin of this module.
"""The shapes of things: what a plugin may ask for, and what a room offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeGuard, TypeVar, runtime_checkable

from .histories import (
    Alteration,
    Appended,
    Bounds,
    Entry,
    KeyPage,
    Query,
    Standing,
    Stretch,
    Terms,
)
from .records import (
    Ask,
    Capabilities,
    Change,
    Claimed,
    Counted,
    Decision,
    Deletion,
    Meter,
    Missing,
    Noted,
    Page,
    Parting,
    Sight,
    Turn,
    Window,
)
from .ttl import Expiry

V = TypeVar("V")


class KVStorage(Protocol[V]):
    """The least that can be adapted: no base class, no extras.

    `get` answers `None` for a key that is missing. With a `has(key)` beside these, a stored
    `None` is told from a missing key.
    """

    def get(self, key: str, /) -> V | None: ...

    def set(self, key: str, value: V, /) -> object: ...

    def delete(self, key: str, /) -> object: ...


class TtlStorage(KVStorage[V], Protocol[V]):
    """A storage that can also push the expiry of a key forward."""

    def touch(self, key: str, /) -> object: ...


@runtime_checkable
class Backend(Protocol):
    """Whole operations on bytes, each atomic by itself: what a room's key-value part is.

    A name is any string that UTF-8 can carry. An entry whose time is over is absent to every
    method. What fails raises a `StorageError` that says so.

    Where `capabilities.atomic` is `None` a store never asks to `add`, `swap` or `incr`, nor to
    keep or to move the end of an entry; to `restore` and not to replace is refused.
    """

    @property
    def label(self) -> str:
        """What errors and logs call the place; it holds no secret."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can promise."""
        ...

    def read(self, name: str) -> bytes | None:
        """The bytes of the entry, if there is one."""
        ...

    def ends(self, name: str) -> int | Missing | None:
        """When the entry ends, in milliseconds since 1970; `None` for never, `MISSING` where
        there is no entry."""
        ...

    def write(self, name: str, raw: bytes, expiry: Expiry) -> None:
        """Put an entry there, whatever was there before."""
        ...

    def add(self, name: str, raw: bytes, expiry: Expiry) -> bool:
        """Put an entry there if there was none; says whether it did."""
        ...

    def swap(self, name: str, old: bytes, new: bytes | Deletion, expiry: Expiry) -> bool:
        """Replace or remove the entry if its bytes are *old*; says whether it did."""
        ...

    def remove(self, name: str) -> bool:
        """Take the entry away; says whether there was one."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is an entry."""
        ...

    def touch(self, name: str, expiry: Expiry) -> bool:
        """Give the entry another expiry; says whether there was one."""
        ...

    def incr(self, name: str, by: int, initial: int, expiry: Expiry) -> int:
        """Add *by* to the integer there (*initial* where there is none) and answer the sum.

        `WrongTypeError` for what is no integer, `UnstorableError` for a sum beyond `SAFE`.
        """
        ...

    def read_many(self, names: Sequence[str]) -> Sequence[bytes | None]:
        """The bytes of the entries, in the order of *names*."""
        ...

    def write_many(self, entries: Sequence[tuple[str, bytes]], expiry: Expiry) -> None:
        """Put entries there."""
        ...

    def ends_many(self, names: Sequence[str]) -> Sequence[int | Missing | None]:
        """When the entries end, in the order of *names*; `None` too for what can not be read."""
        ...

    def restore(self, entries: Sequence[tuple[str, bytes, int | None]], replace: bool) -> int:
        """Put entries there that end at given moments, in milliseconds since 1970, or never.

        One whose moment has come is absent then. What is there already gives way to it, or stays
        where *replace* is false. Says how many of *entries* did not find such a one.
        """
        ...

    def remove_many(self, names: Sequence[str]) -> int:
        """Take entries away and say how many there were."""
        ...

    def page(self, prefix: str, cursor: str | None, values: bool) -> Page:
        """The next few entries whose names start with *prefix*, with their *values* if asked."""
        ...

    def clear(self, prefix: str) -> int:
        """Take away all whose names start with *prefix* and say how many there were."""
        ...

    def close(self) -> None:
        """Let go of what was opened here; twice is fine."""
        ...


class LeaseQueue(Protocol):
    """Leases and who waits for them, one operation a step; see `LeaseStore`."""

    def acquire(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> Turn:
        """Take the lease for *ttl_ms*, if it is free and nobody is ahead in the queue.

        Otherwise *token* stands in the queue, in the place that it has or at the end; a place is
        lost when nobody asks for it again in *patience_ms*, and 0 takes none. Who holds the lease
        already holds it anew, for *ttl_ms* from now.
        """
        ...

    def wait(self, key: str, token: str, wait_ms: int) -> None:
        """Return when *token* has become the first to whom the lease is free, or after *wait_ms*,
        or earlier for no reason: ask `acquire` then."""
        ...

    def renew(self, key: str, token: str, ttl_ms: int) -> bool:
        """Hold the lease for *ttl_ms* from now; says whether *token* held it."""
        ...

    def release(self, key: str, token: str) -> bool:
        """Give up the lease or the place in the queue, and let the next one know; says whether
        *token* held the lease."""
        ...


class LeaseStore(LeaseQueue, Protocol):
    """Leases and claims, which end by themselves: whole operations, each atomic by itself.

    Keys are those of a user. What they are called in the backend lies in reserved segments (see
    `Names.reserved`), so a lease or a claim never meets a value. A *token* says who is asking. A
    lease, a place in the queue and a claim that are over are absent to every method.
    """

    def claim(self, key: str, token: str, ttl_ms: int) -> Claimed:
        """Claim what nobody has claimed, or what *token* has claimed, for *ttl_ms*.

        Otherwise it is `"busy"`, or `"done"` where it is finished.
        """
        ...

    def done(self, key: str, token: str, ttl_ms: int) -> bool:
        """Note for *ttl_ms* that it is finished; says no where it is somebody else's meanwhile."""
        ...


class VisitStore(Protocol):
    """Visits to entries, one at a time: what is read with the lease that is taken, and written
    with the one that is given back, each in one step that is atomic by itself.

    The lease is that of a `LeaseStore` under the same key; waiting for it, holding it for longer
    and giving up are done there.
    """

    def look(self, key: str) -> Sight:
        """What is there, whoever holds the lease."""
        ...

    def enter(self, key: str, token: str, ttl_ms: int, patience_ms: int) -> tuple[Turn, Sight]:
        """Take the lease as `LeaseStore.acquire` does, and look; that counts where it was taken."""
        ...

    def leave(
        self, key: str, token: str, ttl_ms: int, change: Change | None, release: bool
    ) -> Parting:
        """Make the *change*, if there is one, and then give the lease back if it is to *release*,
        or else hold it for *ttl_ms* from now.

        Where *token* does not hold the lease, or something else is there than the change expects,
        neither is done. An empty *token* is for who needs no lease.
        """
        ...


class RateLimitStore(Protocol):
    """What passes is counted by meters, of which several are asked at once: something passes by
    all of them or by none, in one step that is atomic by itself.

    The time is that of the store, and for a meter it never goes back. What counts no more is
    freed. Times and spans are microseconds.
    """

    def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        """Let it pass now, if it may."""
        ...

    def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        """The same for each of *groups* by itself, in their order."""
        ...

    def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        """What `hit` would say; where it may pass, how it stands before it does."""
        ...

    def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        """Let it pass at the first moment at which it may, after all who wait already, unless that
        is more than *patience* away. A moment that was given back goes to who asks next."""
        ...

    def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        """Give back what passed *when* (0 is just now), as far as it counts still, or the moment to
        which somebody waited."""
        ...

    def block(self, meters: Sequence[Meter], span: int) -> None:
        """Let nothing pass by any of *meters* for *span*, or longer where that is so already."""
        ...

    def reset(self, meters: Sequence[Meter]) -> None:
        """Forget all that was counted and blocked."""
        ...

    def renew(self, meters: Sequence[Meter], token: str) -> bool:
        """Have the slots of *token* for as long again from now; says whether it had them all."""
        ...

    def release(self, meters: Sequence[Meter], token: str) -> bool:
        """Give back the slots of *token*; says whether it had them all."""
        ...


class TallyStore(Protocol):
    """Entries that say how many came in a window, in the JSON of others; each hit is one step."""

    def hit(self, key: str, window: Window, now_ms: int | None) -> Counted | Sight:
        """Count a hit at that moment, or now by the clock of the store. Of an entry that is not
        written as JavaScript writes just such a record, what is seen."""
        ...


class HistoryStore(Protocol):
    """Conversations: messages in order, and what is known of all of them, which is enough to append
    and to trim without a look at what stays. Each method is one step that is atomic by itself.

    Keys are those of a user, and lie in a reserved segment (see `Names.reserved`). The time is that
    of the store, and within a conversation it never goes back. One that is over is absent to every
    method. What is kept and decided is told by `core.messages`, `core.history` and `core.trim`.
    """

    def append(self, key: str, entries: Sequence[Entry], terms: Terms) -> Appended:
        """Append all *entries*, one right after another, and drop what has to go.

        Or none of them, where that was done before, or is not what *terms* expect.
        """
        ...

    def read(self, key: str, query: Query) -> Stretch:
        """The messages that are asked for."""
        ...

    def recent(self, key: str, bounds: Bounds) -> Stretch:
        """What is guarded, and of all others as many of the last as do not fit into *bounds* any
        more, or all."""
        ...

    def look(self, keys: Sequence[str]) -> Sequence[Standing | None]:
        """How conversations stand, in the order of *keys*."""
        ...

    def alter(self, key: str, state: bytes, alteration: Alteration, terms: Terms) -> bool:
        """Make an *alteration*, if what is known of the conversation is *state* still and what is
        replaced stands there; says whether it is so. Its end is that of one to which something is
        appended on these *terms*."""
        ...

    def restore(
        self,
        key: str,
        state: bytes,
        records: Sequence[bytes],
        terms: Terms,
        replaces: bool = False,
    ) -> bool:
        """Have a conversation that consists of *records*, in the place of one that is there or
        else unless there is one already; says whether it is there now. Nobody sees a part of it,
        or neither."""
        ...

    def clear(self, keys: Sequence[str], states: Sequence[bytes] | None = None) -> int:
        """Take conversations away, where *states* are given only those of which that is still what
        is known, and say how many there were."""
        ...

    def keys(self, prefix: str, cursor: str | None) -> KeyPage:
        """The next few keys of conversations that start with *prefix*."""
        ...


class MetadataStore(Protocol):
    """Entries beside which their user notes something, which is listed with their names."""

    def read_noted(self, name: str) -> Noted | None:
        """The bytes of the entry and what is noted, if there is one."""
        ...

    def write_noted(
        self, name: str, raw: bytes, metadata: Mapping[str, Any], expiry: Expiry
    ) -> None:
        """Put an entry there and note *metadata*, whatever was there before."""
        ...

    def page_noted(
        self, prefix: str, cursor: str | None
    ) -> tuple[Sequence[tuple[str, Any]], str | None]:
        """The next few names that start with *prefix*, each with what is noted."""
        ...


class Sweeper(Protocol):
    """What can free its entries that are over; they are absent before that already."""

    def sweep(self) -> int:
        """Free all that is over, and say how many entries that were."""
        ...


def is_ttl_storage(thing: object) -> TypeGuard[TtlStorage[Any]]:
    """Whether *thing* has a `touch` to call."""
    return callable(getattr(thing, "touch", None))
