"""What stays of a conversation and what a model is shown of it, said again from scratch.

Everything that was said is a plain list. Whatever may stay is tried out, the longest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from storage.core.messages import GUARDED, LEADS, TURN, entry
from storage.histories import Bounds, Entry

PROMPTS = ("system", "developer")


@dataclass(frozen=True)
class Line:
    """A message that somebody says."""

    role: str
    tokens: int = 0
    calls: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    leads: bool = False
    pin: bool = False
    message: Any = field(default=None, compare=False)
    """What it is for its user."""

    @property
    def is_turn(self) -> bool:
        return self.role == "user" and not self.answers

    def entry(self) -> Entry:
        flags = TURN * self.is_turn | LEADS * self.leads | GUARDED * self.pin
        body = b'{"role":"%s"}' % self.role.encode()
        return entry(self.role, flags, self.tokens, self.calls, self.answers, body)


@dataclass(frozen=True)
class Said:
    """A message that is kept."""

    seq: int
    line: Line
    calls: frozenset[tuple[int, str]] = frozenset()
    """The calls that it answers: who made them, and their ids."""
    is_guarded: bool = False
    is_orphan: bool = False
    is_led: bool = False


@dataclass
class Talk:
    """A conversation in a list."""

    said: list[Said] = field(default_factory=list)
    seq: int = 0
    opens: dict[str, int] = field(default_factory=dict)
    ties: list[tuple[int, int]] = field(default_factory=list)
    """Calls and their results; nothing begins between them."""
    prompting: bool = True
    leader: int = 0
    """The message that the next one belongs to."""

    first: int = 1
    """What is not guarded and has a smaller number is gone."""

    def say(self, line: Line) -> None:
        """Have *line* at the end."""
        self.seq += 1
        led, self.leader = self.leader, self.seq if line.leads else 0
        self.prompting = self.prompting and line.role in PROMPTS
        guarded = line.pin or self.prompting
        answers = self.answered(line)
        self.opens.update(dict.fromkeys(line.calls, self.seq))
        there = sorted({call for call, _ in answers if self.has(call)})
        if answers and not there:
            return
        if line.answers:
            guarded = any(one.is_guarded for one in self.said if one.seq in there)
        if led and not self.has(led) and not guarded:
            self.first = self.seq + 1
            return
        if not guarded:
            self.ties += [(call, self.seq) for call in there]
        is_orphan = len(line.answers) > 0 and not answers
        self.said.append(Said(self.seq, line, answers, guarded, is_orphan, bool(led)))

    def answered(self, line: Line) -> frozenset[tuple[int, str]]:
        """The calls that wait for *line*, which do so no more unless they go by a name; none where
        it is not the result of such calls alone."""
        if not self.opens.keys() >= set(line.answers):
            return frozenset()
        answers = frozenset((self.opens[call], call) for call in line.answers)
        self.opens = {
            call: seq
            for call, seq in self.opens.items()
            if call not in line.answers or call.startswith("function:")
        }
        return answers

    def has(self, seq: int) -> bool:
        return any(one.seq == seq for one in self.said)

    def trim(self, bounds: Bounds) -> None:
        before, self.said = self.said, stays(self.said, bounds, self.may_begin)
        if len(self.said) < len(before):
            others = [one.seq for one in self.said if not one.is_guarded]
            self.first = others[0] if others else self.seq + 1

    def may_begin(self, one: Said, broken: AbstractSet[int] = frozenset()) -> bool:
        """Whether a history may begin with it, where calls that are *broken* do not count."""
        ties = [tie for tie in self.ties if tie[0] not in broken]
        return not (
            one.line.answers or one.is_led or any(call < one.seq <= result for call, result in ties)
        )

    def shown(self, bounds: Bounds) -> list[Said]:
        """What of all that is kept a model can be shown."""
        broken = unanswered(self.said)
        whole = whole_without(self.said, broken)
        broken = {one.seq for one in self.said if one not in whole}
        kept = stays(whole, bounds, lambda one: self.may_begin(one, broken))
        return whole_without(self.said, {one.seq for one in self.said if one not in kept})


def fits(said: Sequence[Said], bounds: Bounds) -> bool:
    """Whether all that is *said* is within *bounds*."""
    others = [one for one in said if not one.is_guarded]
    turns = sum(one.line.is_turn for one in others) + (
        len(others) > 0 and not others[0].line.is_turn
    )
    return (
        (bounds.messages is None or len(said) <= bounds.messages)
        and (bounds.tokens is None or sum(one.line.tokens for one in said) <= bounds.tokens)
        and (bounds.turns is None or turns <= bounds.turns)
    )


def stays(said: Sequence[Said], bounds: Bounds, may_begin: Callable[[Said], bool]) -> list[Said]:
    """What is guarded, and the longest end of all else that fits and may begin where it does.

    Where all of it fits, nothing goes.
    """
    others = [one for one in said if not one.is_guarded]
    for number in range(len(others) + 1):
        rest = {one.seq for one in others[number:]}
        kept = [one for one in said if one.is_guarded or one.seq in rest]
        if not rest:
            break
        if fits(kept, bounds) and (number == 0 or may_begin(others[number])):
            break
    return kept


def unanswered(said: Sequence[Said]) -> set[int]:
    """The messages with calls that have no result, where something else was said after them."""
    answered = {call for one in said for call in one.calls}
    return {
        one.seq
        for number, one in enumerate(said)
        if not answered.issuperset((one.seq, call) for call in one.line.calls)
        and any(
            not (later.line.calls or later.line.answers or later.line.leads)
            for later in said[number + 1 :]
        )
    }


def led_by(said: Sequence[Said], leader: Said) -> int | None:
    """The message that belongs to a *leader*, if it is there."""
    for one in said:
        if one.seq > leader.seq:
            belongs = one.seq == leader.seq + 1 or (one.is_led and not one.line.answers)
            return one.seq if belongs else None
    return None


def whole_without(said: Sequence[Said], out: AbstractSet[int]) -> list[Said]:
    """What is *said* but for what is *out* and orphans, and all that is not whole then: results
    without their calls, calls without their results, and what leads to nothing."""
    there = [one for one in said if one.seq not in out and not one.is_orphan]
    while True:
        seqs = {one.seq for one in there}
        lost = {call for one in said if one.seq not in seqs for call, _ in one.calls}
        left = [
            one
            for one in there
            if one.seq not in lost
            and all(call in seqs for call, _ in one.calls)
            and (not one.line.leads or one is said[-1] or led_by(said, one) in seqs)
        ]
        if len(left) == len(there):
            return there
        there = left
