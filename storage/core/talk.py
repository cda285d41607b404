"""A conversation as it stands: what is guarded, and a queue of all that may be trimmed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

from ..histories import Alteration, Bounds, Query, Stretch, Terms
from .history import State, is_over, packed, trim, unpacked
from .messages import GUARDED, mark
from .picking import Message, picked, recent, unguarded


class Talk:
    """One conversation."""

    __slots__ = ("ends", "kept", "state", "tail")

    def __init__(self, state: State) -> None:
        self.state: State = state
        self.kept: list[Message] = []
        """What is guarded and older than all of the tail."""

        self.tail: deque[Message] = deque()
        self.ends: int | None = None

    def fill(self, messages: Iterable[Message]) -> None:
        """Consist of *messages*, which are in order."""
        self.kept, self.tail = [], deque()
        for message in messages:
            is_kept = message[0].seq < self.state.first
            (self.kept if is_kept else self.tail).append(message)

    def add(self, messages: Sequence[Message], state: State, bounds: Bounds) -> bool:
        """Have *messages* at the end, and drop what has to go; says whether that was not all.

        Who is interrupted has done it or not: what counts is the state.
        """
        more = False
        if is_over(state, bounds):
            more = trim(state, (one for one, _ in chain(self.tail, messages)), bounds)
        self.tail.extend(messages)
        self.state = state
        self.settle()
        return more

    def settle(self) -> None:
        """Consist of what the state says, though somebody was interrupted who appended."""
        tail, kept, state = self.tail, self.kept, self.state
        while tail and tail[-1][0].seq > state.seq:
            tail.pop()
        while tail and tail[0][0].seq < state.first:
            one = tail[0][0]
            if one.flags & GUARDED and (not kept or kept[-1][0].seq < one.seq):
                kept.append(tail[0])
            tail.popleft()

    def read(self, query: Query) -> Stretch:
        """The messages that are asked for."""
        messages = chain(self.kept, self.tail)
        if query.newest:
            messages = chain(reversed(self.tail), reversed(self.kept))
        records, more = picked(messages, query)
        return Stretch(packed(self.state), records, more)

    def recent(self, bounds: Bounds) -> Stretch:
        """What is guarded, and the last of all others: one more than fit into *bounds*."""
        last, more = recent(unguarded(reversed(self.tail)), bounds)
        guarded = [one for one in chain(self.kept, self.tail) if one[0].flags & GUARDED]
        messages = sorted([*guarded, *last], key=_seq)
        return Stretch(packed(self.state), [raw for _, raw in messages], more)

    def alter(self, alteration: Alteration) -> bool:
        """Become what an *alteration* makes of it, if what it replaces is there."""
        replaced = {seq: new for seq, _, new in alteration.replaced}
        removed, wanted = frozenset(alteration.removed), dict[int, bytes]()
        messages: list[Message] = []
        for one, raw in chain(self.kept, self.tail):
            new = replaced.get(one.seq)
            if new is not None:
                wanted[one.seq] = raw
                messages.append((mark(new), new))
            elif one.seq not in removed:
                messages.append((one, raw))
        if any(wanted.get(seq) != old for seq, old, _ in alteration.replaced):
            return False
        self.state = unpacked(alteration.state)
        self.fill(messages)
        return True

    def renew(self, terms: Terms, now: int) -> None:
        """Be over when *terms* say, where they do."""
        ends = self.state.ends(terms.ttl_ms, terms.max_age_ms, now)
        if ends is not None:
            self.ends = ends


NOTHING = Stretch(None, [], False)
"""What is found where there is no conversation."""


def _seq(message: Message) -> int:
    return message[0].seq
