"""Messages as they are read: a list of them, with what is known of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ..codecs import Codec, UnreadableError
from ..errors import CorruptValueError
from ..histories import Bounds, Query, Stretch
from ..ttl import moment
from .edits import replayed
from .history import State, packed, unpacked
from .messages import ESTIMATED, GUARDED, Mark, bodies, mark, marks, plain_heads
from .plans import Edit, Plan, Seen, seen
from .trim import plain_window, window

_AT_ONCE = 256
"""How many messages are decoded together."""


class Remembered(NamedTuple):
    """What is known of a message besides itself."""

    seq: int
    """Its number in the conversation."""

    at: datetime
    role: str
    tokens: int
    is_estimate: bool
    """Whether nobody has counted the tokens."""

    stays: bool
    """Whether it is never trimmed: it is pinned, or the system prompt."""


class Messages(list[dict[str, Any]]):
    """Messages of a conversation in order, each as it was appended.

    What is known of them is of what was read, whatever is done to the list.
    """

    def __init__(
        self,
        messages: Sequence[dict[str, Any]] = (),
        records: Sequence[bytes] = (),
        older: int | None = None,
        newer: int | None = None,
    ) -> None:
        super().__init__(messages)
        self._raws = records
        self._known: list[Remembered] | None = None
        self.older: int | None = older
        """What to say as `before=` for the page before this one, if there is one."""

        self.newer: int | None = newer
        """What to say as `after=` for the page after this one, if there is one."""

    @property
    def records(self) -> list[Remembered]:
        """What is known of each of them."""
        if self._known is None:
            self._known = [remembered(mark(raw)) for raw in self._raws]
        return self._known

    @property
    def seqs(self) -> list[int]:
        """Their numbers in the conversation."""
        return [one.seq for one in self.records]

    @property
    def tokens(self) -> int:
        """How many tokens they count."""
        return sum(one.tokens for one in self.records)


class Usage(NamedTuple):
    """What a conversation consists of."""

    messages: int
    tokens: int
    estimated: int
    """How many of the tokens nobody has counted."""

    turns: int
    """How many times somebody spoke, without what is pinned."""

    last_seq: int
    """The number of the last message that was appended, which is what `if_seq=` expects."""

    began: datetime
    changed: datetime
    """When something was appended, at last."""

    ends: datetime | None
    """When it is over, if nothing is said until then."""


def remembered(one: Mark) -> Remembered:
    """What the head of a message tells a user."""
    is_estimate, stays = one.flags & ESTIMATED > 0, one.flags & GUARDED > 0
    return Remembered(one.seq, moment(one.at), one.role, one.tokens, is_estimate, stays)


def usage(state: State, ends: int | None) -> Usage:
    """What is known of a conversation, as a user is told it."""
    messages, tokens, estimated, turns = state.held
    over = None if ends is None else moment(ends)
    began, changed = moment(state.born), moment(state.at)
    return Usage(messages, tokens, estimated, turns, state.seq, began, changed, over)


def decoded(records: Sequence[bytes], codec: Codec) -> list[dict[str, Any]] | None:
    """The messages in *records*; `None` where one of them can not be read."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(records), _AT_ONCE):
        some = records[start : start + _AT_ONCE]
        try:
            # One reading of all together takes half the time of one reading each.
            messages = codec.decode(b"[%b]" % b",".join(bodies(some)))
        except ValueError:
            return None
        if len(messages) != len(some) or not {dict}.issuperset(map(type, messages)):
            return None
        found += messages
    return found


def sorted_out(
    records: Sequence[bytes], codec: Codec, store: str, key: str
) -> tuple[list[dict[str, Any]], list[bytes], list[CorruptValueError]]:
    """The messages in *records* that can be read, their records, and what is wrong with others."""
    messages, readable, errors = [], [], []
    for raw in records:
        number = ""
        try:
            one = mark(raw)
            number = f"message {one.seq}: "
            message = codec.decode(raw[one.body :])
            if type(message) is not dict:
                raise UnreadableError("it is no JSON object")
        except ValueError as error:
            errors.append(CorruptValueError(f"{number}{error}", store=store, key=key))
        else:
            messages.append(message)
            readable.append(raw)
    return messages, readable, errors


class Reader:
    """Reads what is kept in the store called *label*."""

    def __init__(self, codec: Codec, label: str) -> None:
        self._codec = codec
        self._label = label

    def messages(
        self, key: str, records: Sequence[bytes], on_corrupt: object = "raise"
    ) -> tuple[list[dict[str, Any]], Sequence[bytes], list[CorruptValueError]]:
        """The messages in *records* and those of these that can be read, and what is wrong with
        others, unless that is to be raised."""
        messages = decoded(records, self._codec)
        if messages is not None:
            return messages, records, []
        messages, readable, errors = sorted_out(records, self._codec, self._label, key)
        if errors and on_corrupt == "raise":
            raise errors[0]
        return messages, readable, errors

    def pages(
        self, stretch: Stretch, asked: Query, records: Sequence[bytes]
    ) -> tuple[int | None, int | None]:
        """Before and after which message other pages are than the one of these *records*."""
        lowest, highest = math.inf, 0
        if stretch.state is not None and (asked.after or asked.before is not None):
            try:
                state = unpacked(stretch.state)
                lowest, highest = min([state.first, *state.guards[:1]]), state.seq
            except ValueError:  # then nobody can tell
                pass
        is_older = asked.after >= lowest or (asked.newest and stretch.more)
        is_newer = asked.before is not None and asked.before <= highest
        is_newer = is_newer or (stretch.more and not asked.newest)
        first = mark(records[0]).seq if records else asked.after + 1
        last = mark(records[-1]).seq if records else (asked.before or 1) - 1
        return first if is_older else None, last if is_newer else None

    def all(self, key: str, records: Sequence[bytes]) -> Messages:
        """The messages in *records*."""
        return Messages(self.messages(key, records)[0], records)

    def state(self, key: str, raw: bytes) -> State:
        """What is known of a conversation."""
        try:
            return unpacked(raw)
        except ValueError as error:
            raise self.corrupt(key, error) from None

    def seen(self, key: str, stretch: Stretch, asked: Query) -> Seen:
        """What an edit looks at."""
        try:
            return seen(stretch, asked)
        except ValueError as error:
            raise self.corrupt(key, error) from None

    def plan(self, key: str, edit: Edit, stretch: Stretch, asked: Query) -> Plan | None:
        """What becomes of what was found by an *edit*."""
        found = self.seen(key, stretch, asked)
        try:
            return edit.plan(found)
        except ValueError as error:
            raise self.corrupt(key, error) from None

    def shown(self, key: str, stretch: Stretch, bounds: Bounds) -> tuple[Messages, bool]:
        """What a model is shown of what was found, and whether some had to go for *bounds*."""
        if stretch.state is None:
            return Messages(), False
        state = self.state(key, stretch.state)
        heads = None if state.spans else plain_heads(stretch.records)
        if heads is not None:
            places, is_cut = plain_window(heads, bounds)
            return self.all(key, [stretch.records[place] for place in places]), is_cut
        try:
            found = marks(stretch.records)
        except ValueError as error:
            raise self.corrupt(key, error) from None
        chosen, is_cut = window(found, bounds, state.spans, state.opens)
        seqs = {one.seq for one in chosen}
        records = [raw for one, raw in zip(found, stretch.records) if one.seq in seqs]
        return self.all(key, records), is_cut

    def replayed(self, key: str, records: Sequence[bytes], raw: bytes) -> bytes:
        """What is known of a conversation of only these *records*, which began as another did."""
        state = self.state(key, raw)
        try:
            return packed(replayed(marks(records), state.born, state.opens))
        except ValueError as error:
            raise self.corrupt(key, error) from None

    def corrupt(self, key: str, error: ValueError) -> CorruptValueError:
        """The error for what can not be read."""
        return CorruptValueError(str(error), store=self._label, key=key)
