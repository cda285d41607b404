"""Conversations in plain lists, with a clock: what each call answers, and what is there then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from storage.histories import Bounds
from tests.conversation.oracle import PROMPTS, Line, Said, Talk, led_by

REMEMBERED = 32
"""How many idempotency keys are remembered."""


class Habits(NamedTuple):
    """How something is appended."""

    bounds: Bounds = Bounds()
    ttl_ms: int | None = None
    max_age_ms: int | None = None
    keeps_orphans: bool = False


class Answer(NamedTuple):
    """What came of appending: the numbers of the messages, or why there are none."""

    outcome: str
    seqs: list[int] = []  # noqa: RUF012 - nobody appends to it


@dataclass
class Kept(Talk):
    """A conversation, and what is known of its times."""

    born: int = 0
    at: int = 0
    ends: int | None = None
    times: dict[int, int] = field(default_factory=dict)
    notes: list[tuple[str, int, int]] = field(default_factory=list)

    def renew(self, habits: Habits, now: int) -> None:
        ends = [] if habits.ttl_ms is None else [now + habits.ttl_ms]
        if habits.max_age_ms is not None:
            ends.append(self.born + habits.max_age_ms)
        self.ends = min(ends, default=self.ends)

    def say_all(self, lines: Sequence[Line], habits: Habits, now: int) -> None:
        self.at = max(self.at, now)
        for line in lines:
            self.say(line)
            self.times[self.seq] = self.at
        self.trim(habits.bounds)

    def others(self) -> list[Said]:
        return [one for one in self.said if not one.is_guarded]

    def take(self, removed: Sequence[Said]) -> list[Said]:
        """Take messages away. A call whose result goes waits again."""
        gone = {one.seq for one in removed}
        was_last = self.said and self.said[-1].seq in gone
        self.said = [one for one in self.said if one.seq not in gone]
        self.opens = {call: seq for call, seq in self.opens.items() if seq not in gone}
        for one in removed:
            for seq, call in sorted(one.calls):
                if seq not in gone:
                    self.opens.setdefault(call, seq)
        if not self.said:
            self.prompting, self.leader = True, 0
        elif was_last:
            self.leader = self.said[-1].seq if self.said[-1].line.leads else 0
        return list(removed)

    def group(self, seq: int) -> list[Said]:
        """The message *seq* with all calls, results and leaders that hang together with it."""
        members = {seq} if self.has(seq) else set()
        while True:
            more = set(members)
            for one in self.said:
                tied = {one.seq, *(call for call, _ in one.calls)}
                if one.line.leads:
                    tied.add(led_by(self.said, one) or one.seq)
                if len(tied) > 1 and tied & members:
                    more |= tied
            if more == members:
                return [one for one in self.said if one.seq in members]
            members = more

    def pin(self, members: Sequence[Said]) -> None:
        seqs = {one.seq for one in members}
        self.said = [replace(one, is_guarded=True) if one.seq in seqs else one for one in self.said]

    def unpin(self, members: Sequence[Said]) -> None:
        """Let them go when their time comes; now, where anything as old had to go."""
        if any(one.seq < self.first for one in members):
            self.take(members)
            return
        seqs = {one.seq for one in members}
        self.said = [
            replace(one, is_guarded=False) if one.seq in seqs else one for one in self.said
        ]
        if len(members) > 1:
            self.ties.append((members[0].seq, members[-1].seq))


class Model:
    """All conversations, at a time that is turned by hand."""

    def __init__(self) -> None:
        self.now = 0
        self.talks: dict[str, Kept] = {}

    def find(self, key: str) -> Kept | None:
        talk = self.talks.get(key)
        if talk is not None and talk.ends is not None and talk.ends <= self.now:
            del self.talks[key]
            return None
        return talk

    def append(
        self, key: str, lines: Sequence[Line], habits: Habits, if_seq: int | None, once: str | None
    ) -> Answer:
        talk = self.find(key)
        is_new = talk is None
        talk = Kept(born=self.now, at=self.now) if talk is None else talk
        for note, first, last in talk.notes:
            if once == note:
                return Answer("repeated", [*range(first, last + 1)])
        if if_seq not in (None, talk.seq):
            return Answer("conflict")
        if not habits.keeps_orphans and self._is_orphaned(talk, lines):
            return Answer("orphan")
        before = talk.seq
        talk.say_all(lines, habits, self.now)
        talk.renew(habits, self.now)
        if once is not None:
            talk.notes = [*talk.notes, (once, before + 1, talk.seq)][-REMEMBERED:]
        if is_new:
            self.talks[key] = talk
        return Answer("appended", [*range(before + 1, talk.seq + 1)])

    def alter(
        self, key: str, habits: Habits, choose: Callable[[Kept], Sequence[Said]]
    ) -> list[Said]:
        """Take away what is chosen of the conversation."""
        talk = self.find(key)
        if talk is None:
            return []
        removed = choose(talk)
        if removed:
            talk.take(removed)
            talk.renew(habits, self.now)
        return list(removed)

    def pin(self, key: str, seq: int, habits: Habits, *, stays: bool) -> bool:
        talk = self.find(key)
        members = [] if talk is None else talk.group(seq)
        if talk is None or not members:
            return False
        if any(one.is_guarded is not stays for one in members):
            (talk.pin if stays else talk.unpin)(members)
            talk.renew(habits, self.now)
        return True

    def edit(self, key: str, seq: int, message: dict[str, Any], habits: Habits) -> bool:
        talk = self.find(key)
        if talk is None or not talk.has(seq):
            return False
        for place, one in enumerate(talk.said):
            if one.seq == seq:
                line = replace(one.line, tokens=message["tokens"], message=message)
                talk.said[place] = replace(one, line=line)
        talk.renew(habits, self.now)
        return True

    def fork(self, key: str, to: str, at: int | None, habits: Habits) -> int | str:
        talk = self.find(key)
        if talk is None:
            return "nothing"
        if self.find(to) is not None:
            return "taken"
        said = [one for one in talk.said if at is None or one.seq <= at]
        last = said[-1] if said else None
        other = Kept(said, seq=last.seq if last else 0, born=talk.born)
        other.times = talk.times.copy()
        other.at = max([talk.born, *(talk.times[one.seq] for one in said)])
        for one in said:
            for _, call in one.calls:
                if not call.startswith("function:"):
                    other.opens.pop(call, None)
            other.opens.update(dict.fromkeys(one.line.calls, one.seq))
            if not one.is_guarded:
                other.ties += [(call, one.seq) for call, _ in one.calls]
        other.prompting = all(one.line.role in PROMPTS for one in said)
        other.leader = last.seq if last and last.line.leads else 0
        others = other.others()
        other.first = others[0].seq if others else other.seq + 1
        other.renew(habits, self.now)
        self.talks[to] = other
        return len(said)

    def clear(self, key: str) -> bool:
        there = self.find(key) is not None
        self.talks.pop(key, None)
        return there

    @staticmethod
    def _is_orphaned(talk: Kept, lines: Sequence[Line]) -> bool:
        opens = set(talk.opens)
        for line in lines:
            if not opens.issuperset(line.answers):
                return True
            opens -= {call for call in line.answers if not call.startswith("function:")}
            opens |= set(line.calls)
        return False


def written(line: Line, number: int) -> Line:
    """*line* with the message that it is, as one of the APIs writes it."""
    message: dict[str, Any] = {"role": line.role, "n": number, "tokens": line.tokens}
    if line.calls:
        message |= {"content": None, "tool_calls": [_call(call) for call in line.calls]}
    elif line.leads:
        message |= {"type": "reasoning", "summary": []}
    elif line.role == "tool":
        (call,) = line.answers
        name = call.removeprefix("function:")
        message |= {"tool_call_id" if name == call else "tool_name": name, "content": "a result"}
    elif line.answers:
        results = [{"type": "tool_result", "tool_use_id": call} for call in line.answers]
        message["content"] = results
    else:
        message["content"] = f"text {number}"
    return replace(line, message=message)


def _call(call: str) -> dict[str, Any]:
    if call.startswith("function:"):
        return {"function": {"name": call[len("function:") :], "arguments": {}}}
    return {"id": call, "type": "function", "function": {"name": "f", "arguments": "{}"}}
