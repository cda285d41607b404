# Written by tools/mirror.py from storage/conversation.py: change that file and run the tool.
"""Conversation memory: what was said, in order, and what of it a model is shown."""

from __future__ import annotations

from collections.abc import Iterable, AsyncIterator, Mapping, Sequence
from datetime import datetime
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Literal

from .adapted import adapt
from .amending import Amending, Change
from ..core.composing import (
    MAX_BYTES,
    Composer,
    Counter,
    agreed,
    bounds,
    checked_seq,
    query,
    refused,
    terms,
)
from ..core.dialects import meaning
from ..core.layers import OnCorrupt, check_walk
from ..core.layouts import OURS
from ..core.listing import Messages, Reader, Usage, usage
from ..core.plans import Delete, Pin, Pop, Truncate, Undo
from ..core.subjects import KeyParts, SessionKey, matching
from ..errors import CorruptValueError, StorageError
from ..histories import Appended, Bounds, Entry
from ..keys import check_key, several
from .protocols import HistoryStore
from .recalling import histories_of_store
from .rooms import Adaptable
from .runtime import Runtime, callback
from .tracing import log
from .transcripts import OnExisting, Transcripts
from ..ttl import DefaultTtl

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..core.reports import Report
    from ..dumps import DumpFile
    from .moving import Progress

Message = Mapping[str, Any]
"""A JSON object with a role."""


class Conversation:
    """Conversations in *store*, of which each has a key: messages in order, of which the last stay.

    There are *max_messages*, *max_tokens* and *max_turns* of them at the most, `None` for as many
    as there are. The system prompt and pinned messages stay always, and count. A conversation is
    over when nothing was said for *ttl*, or *max_age* after it began. Tokens are what
    *count_tokens* says of a message, unless they are told with it, or else an estimate. A tool
    result without a call is refused, or kept and never shown, as *on_orphan* says.
    """

    _means = staticmethod(meaning)
    """What a message means."""

    def __init__(
        self,
        store: Adaptable,
        *,
        max_messages: int | None = 20,
        max_tokens: int | None = None,
        max_turns: int | None = None,
        ttl: DefaultTtl = None,
        max_age: DefaultTtl = None,
        count_tokens: Counter | None = None,
        max_bytes: int = MAX_BYTES,
        on_orphan: Literal["raise", "keep"] = "raise",
    ) -> None:
        most = bounds(max_messages, max_tokens, max_turns, "max_")
        self._terms = terms(most, ttl, max_age, on_orphan)
        base = adapt(store)
        self._layers = base._layers
        self._label = base._layers.label
        self._composer = Composer(self._layers, self._means, count_tokens, max_bytes)
        self._reader = Reader(self._composer.codec, self._label)
        self._room: HistoryStore = histories_of_store(base)
        self._amends = Amending(self._room, self._layers, self._composer, self._reader, self._terms)
        self._copies = Transcripts(base, self._room, self._composer, self._reader, self._terms)
        self._runtime = Runtime()

    def __repr__(self) -> str:
        kept = [f"{name}={most}" for name, most in zip(Bounds._fields, self._terms.bounds) if most]
        return f"<{type(self).__name__} of {self._label}: {', '.join(kept) or 'all is kept'}>"

    async def append(
        self,
        key: SessionKey | str,
        message: Message,
        *,
        tokens: int | None = None,
        pin: bool = False,
        if_seq: int | None = None,
        once: str | None = None,
    ) -> int:
        """Append *message*, let go of what has to go, and say which number it has.

        A message that is *pinned* always stays. With *if_seq* it is only appended right after that
        message, 0 for a new conversation. What was appended *once* under an idempotency key, which
        32 of are remembered, is not appended again.
        """
        text = self._text(key)
        entry = self._composer.entry(text, message, tokens, pin=pin)
        done = await self._append(text, [entry], if_seq, once, several=False)
        return done.last

    async def append_many(
        self,
        key: SessionKey | str,
        messages: Iterable[Message],
        *,
        tokens: Sequence[int | None] | None = None,
        if_seq: int | None = None,
        once: str | None = None,
    ) -> list[int]:
        """Append *messages*, all or none of them and nothing in between, and say which numbers they
        have. *tokens* are those of each."""
        if isinstance(messages, Mapping):
            raise TypeError("append_many wants several messages, and this is one: use append")
        text, said = self._text(key), list(several(messages, "append_many", "messages"))
        counted = [None] * len(said) if tokens is None else list(tokens)
        if len(counted) != len(said):
            raise ValueError(f"{len(said)} messages can not have {len(counted)} counts of tokens")
        entries = self._composer.entries(text, said, counted)
        if not entries:
            agreed(self._terms, if_seq, once)
            return []
        done = await self._append(text, entries, if_seq, once, several=True)
        return list(range(done.first, done.last + 1))

    async def list(
        self,
        key: SessionKey | str,
        *,
        first: int | None = None,
        last: int | None = None,
        before: int | None = None,
        after: int | None = None,
        roles: str | Iterable[str] | None = None,
        since: datetime | float | None = None,
        until: datetime | float | None = None,
        on_corrupt: OnCorrupt = "raise",
    ) -> Messages:
        """Messages in order: all, or the *first* or the *last* so many of those that are asked for.

        They have numbers *before* one, *after* one, some *roles*, or came *since* a moment or
        *until* one. What comes back knows what to say for the next page in either direction.
        What can not be read raises, is left out with `"skip"`, or is told to a function.
        """
        text, asked = self._text(key), query(first, last, before, after, roles, since, until)
        _check(on_corrupt)
        if asked.limit == 0:
            return Messages()
        stretch = await self._room.read(text, asked)
        messages, records, errors = self._reader.messages(text, stretch.records, on_corrupt)
        if callable(on_corrupt):
            for error in errors:
                await self._runtime.call(on_corrupt, error)
        older, newer = self._reader.pages(stretch, asked, records)
        return Messages(messages, records, older, newer)

    async def window(
        self,
        key: SessionKey | str,
        *,
        tokens: int | None = None,
        turns: int | None = None,
        messages: int | None = None,
    ) -> Messages:
        """What a model can be shown: what is guarded, and as many of the last messages as fit into
        so many *tokens*, *turns* and *messages*.

        It does not begin with a tool result and has all of the results of each call, except where
        these are still to come.
        """
        text, wanted = self._text(key), bounds(messages, tokens, turns)
        asked = wanted
        while True:
            stretch = await self._room.recent(text, asked)
            shown, is_cut = self._reader.shown(text, stretch, wanted)
            if is_cut or not stretch.more:
                return shown
            # What is broken has no place in a window: there is room for more.
            asked = Bounds(*(most and 2 * most for most in asked))

    async def pop(
        self, key: SessionKey | str, *, on_corrupt: OnCorrupt = "raise"
    ) -> dict[str, Any] | None:
        """Take the last message away, and give it back.

        One that can not be read raises and stays; with `"skip"`, or a function that is told, it
        goes too, and so on up to one that can be read.
        """
        text = self._text(key)
        _check(on_corrupt)
        while True:
            lost: list[CorruptValueError] = []
            taken = await self._amends.do(text, Pop(), None if on_corrupt == "raise" else lost)
            if callable(on_corrupt):
                for error in lost:
                    await self._runtime.call(on_corrupt, error)
            if taken or not lost:
                return taken[-1] if taken else None

    async def undo(self, key: SessionKey | str, turns: int = 1) -> Messages:
        """Take the last *turns* away, all that was said since they began, and give that back."""
        if type(turns) is not int or turns < 1:
            raise ValueError(f"turns must be a positive integer, not {turns!r}")
        return await self._amends.do(self._text(key), Undo(turns))

    async def truncate_after(self, key: SessionKey | str, seq: int) -> Messages:
        """Take away all that came after the message *seq*, and give it back."""
        return await self._amends.do(self._text(key), Truncate(checked_seq(seq, least=0)))

    async def delete(self, key: SessionKey | str, seq: int) -> Messages:
        """Take the message *seq* away, a call with its results, and give that back."""
        return await self._amends.do(self._text(key), Delete(checked_seq(seq)))

    async def pin(self, key: SessionKey | str, seq: int) -> bool:
        """Let the message *seq* always stay, a call with its results; says whether it is there."""
        pinned = await self._amends.do(self._text(key), Pin(checked_seq(seq), stays=True))
        return bool(pinned)

    async def unpin(self, key: SessionKey | str, seq: int) -> bool:
        """Let the message *seq* go when its time comes, or now where that was before; says whether
        it is there."""
        pinned = await self._amends.do(self._text(key), Pin(checked_seq(seq), stays=False))
        return bool(pinned)

    async def edit(self, key: SessionKey | str, seq: int, change: Message | Change) -> bool:
        """Put another message in the place of *seq*, which a function may make of the one that is
        there and which has the same role and tool calls; says whether it is there.

        The function may run several times.
        """
        return await self._amends.replace(self._text(key), checked_seq(seq), change)

    async def usage(self, key: SessionKey | str) -> Usage | None:
        """How many messages, tokens and turns there are, and since when; `None` where there is no
        conversation."""
        text = self._text(key)
        standings = await self._room.look([text])
        found = standings[0]
        return None if found is None else usage(self._reader.state(text, found.state), found.ends)

    async def clear(self, key: SessionKey | str) -> bool:
        """Forget the conversation, and say whether there was one."""
        text = self._text(key)
        removed = await self._room.clear([text])
        return removed == 1

    async def fork(self, key: SessionKey | str, to: SessionKey | str, *, at: int | None = None) -> int:
        """Have another conversation under the key *to* with the messages up to *at*, or all, under
        the same numbers, and say how many these are.

        `KeyError` where there is none to fork, `ConflictError` where there is one already.
        """
        text, other = self._text(key), self._text(to)
        before = None if at is None else checked_seq(at, least=0) + 1
        return await self._copies.fork(text, other, before)

    def keys(self, **parts: Unpack[KeyParts]) -> AsyncIterator[str]:
        """The keys of the conversations, all or those of a `chat`, a `user` and so on."""
        return self._copies.keys(matching(parts))

    async def clear_all(self, **parts: Unpack[KeyParts]) -> int:
        """Forget the conversations of a chat, a user and so on, and say how many there were."""
        asked = matching(parts)
        if not asked:
            raise ValueError("whose conversations? say chat=, user= or another part of the key")
        removed = 0
        async for keys in self._copies.pages(asked):
            gone = await self._room.clear(keys)
            removed += gone
        return removed

    async def keep_newest(self, number: int, **parts: Unpack[KeyParts]) -> int:
        """Forget all but so many of the conversations, of all or of a `chat`, a `user` and so on:
        those to which something was appended last. Says how many are forgotten.

        What can not be read stays, and is told to the log.
        """
        if type(number) is not int or number < 0:
            raise ValueError(f"number must be an integer that is not negative, not {number!r}")
        newest: list[tuple[int, str, bytes]] = []
        lost: list[StorageError] = []
        seen: set[str] = set()
        removed = 0
        async for keys in self._copies.pages(matching(parts)):
            others = [key for key in dict.fromkeys(keys) if key not in seen]
            seen.update(others)
            standings = await self._copies.standing(others, lost)
            for one in standings:
                heappush(newest, one)
            oldest = [heappop(newest) for _ in range(len(newest) - number)]
            # One to which something was appended meanwhile is not the oldest any more.
            gone = await self._room.clear([key for _, key, _ in oldest], [state for *_, state in oldest])
            removed += gone
        if lost:
            told = f"{len(lost)} of the conversations can not be read and stay"
            log.warning("%s: %s: %s", self._label, told, lost[0])
        return removed

    async def dump(
        self,
        file: DumpFile,
        *,
        on_corrupt: OnCorrupt = "raise",
        progress: Progress | None = None,
        **parts: Unpack[KeyParts],
    ) -> Report:
        """Write the conversations, all or those of a `chat`, a `user` and so on, to *file*: a line
        of JSON a message.

        *file* is a path, where nothing is until all is told, or a file open in binary mode. What
        can not be read raises, is left out with `"skip"`, or is told to a function.
        """
        _check(on_corrupt)
        return await self._copies.dump(file, matching(parts), on_corrupt, progress)

    async def load(
        self,
        file: DumpFile,
        *,
        existing: OnExisting = "refuse",
        progress: Progress | None = None,
    ) -> Report:
        """Have the conversations in *file*, each of them whole or not at all, under the numbers and
        the times they had, and trim them when something is appended.

        One that is there already is told in the report, or left as it is with *existing*
        `"keep"`, or gives way with `"replace"`.
        """
        return await self._copies.load(file, existing, progress)

    async def _append(
        self,
        key: str,
        entries: Sequence[Entry],
        if_seq: int | None,
        once: str | None,
        *,
        several: bool,
    ) -> Appended:
        plain = if_seq is None and once is None
        told = self._terms if plain else agreed(self._terms, if_seq, once)
        done = await self._room.append(key, entries, told)
        if done.outcome in ("appended", "repeated"):
            if done.more:
                await self._trim(key)
            return done
        raise refused(done, if_seq, self._label, key, several=several)

    async def _trim(self, key: str) -> None:
        """Let go of the rest of what has to go, bit by bit. What was appended stays appended."""
        more = True
        try:
            while more:
                done = await self._room.append(key, (), self._terms)
                more = done.more
        except StorageError as error:
            log.warning("%s: trimming goes on when something is appended: %s", self._label, error)

    def _text(self, key: SessionKey | str) -> str:
        """*key* as it is written; refuses what is none."""
        text = OURS.keys.text(key) if isinstance(key, SessionKey) else key
        check_key(text, self._label)
        return text


def _check(on_corrupt: OnCorrupt) -> None:
    """Refuse what does not say what becomes of the unreadable, or can not be called from here."""
    check_walk(False, on_corrupt)
    if callable(on_corrupt):
        callback(on_corrupt, "on_corrupt")
