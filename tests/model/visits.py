"""What sessions do, on plain dicts: the model of test_session_machine.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

Members = dict[str, Any]
Marks = dict[str, tuple[float, float]]
"""For how long a member lives, and from when on."""

Outcome = Literal[
    "nothing", "touched", "stored", "merged", "removed", "over", "theirs", "clash", "lost"
]

GONE: Final = None
NEVER: Final = float("-inf")

ABOUT = 100
"""So many milliseconds before its end, an entry that is gone is taken for one that ended."""

FOR_LONG = 2**62


class Habits(NamedTuple):
    """How some sessions are made."""

    idle_ms: int | None
    age_ms: int | None = None
    saves_errors: bool = False
    takes_turns: bool = True
    on_conflict: str = "raise"


class Contents(NamedTuple):
    members: Members
    marks: Marks
    ends: int | None


class Entry:
    """A record that is stored, and when its entry ends."""

    def __init__(self, record: Members, ends: int | None) -> None:
        self.record = record
        self.ends = ends

    @property
    def text(self) -> str:
        return json.dumps(self.record)


def apart(record: Members, now: float) -> Contents:
    """The parts of a record, without the members that are over."""
    marks = {name: (mark["t"], mark["at"]) for name, mark in record.get("__ttl", {}).items()}
    over = {name for name, (t, at) in marks.items() if now - at > t}
    members = {
        name: value
        for name, value in record.items()
        if name not in over and name not in ("__ttl", "__ends")
    }
    live = {name: mark for name, mark in marks.items() if name in members}
    return Contents(members, live, record.get("__ends"))


def together(contents: Contents) -> Members:
    record = dict(contents.members)
    marks = {name: {"t": t, "at": at} for name, (t, at) in contents.marks.items() if name in record}
    if marks:
        record["__ttl"] = marks
    if contents.ends is not None:
        record["__ends"] = contents.ends
    return record


class Model:
    """What is stored, and who holds the lease of a key until when."""

    def __init__(self, now: Callable[[], int], late_ms: int) -> None:
        self.now = now
        self.late_ms = late_ms
        self.entries: dict[str, Entry] = {}
        self.holders: dict[str, tuple[Visit, int]] = {}

    def there(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        if entry is None or entry.ends is None or self.now() < entry.ends + self.late_ms:
            return entry
        return None

    def contents(self, key: str) -> Contents | None:
        """What a session of the key begins as; `None` where there is none, or it is over."""
        entry = self.there(key)
        found = None if entry is None else apart(entry.record, self.now())
        if found is None or (found.ends is not None and found.ends <= self.now()):
            return None
        return found

    def holder(self, key: str) -> Visit | None:
        visit, until = self.holders.get(key, (None, 0))
        return visit if self.now() < until + self.late_ms else None

    def hold(self, visit: Visit, lease_ms: int) -> None:
        self.holders[visit.key] = (visit, self.now() + lease_ms)

    def let_go(self, visit: Visit) -> None:
        if self.holder(visit.key) is visit:
            del self.holders[visit.key]


class Visit:
    """One session while it is open."""

    def __init__(self, model: Model, key: str, habits: Habits, first: Members) -> None:
        self.model = model
        self.key = key
        self.habits = habits
        self.first = first
        self.loaded = False
        self.value: Members = {}

    def load(self) -> None:
        self.seen = self.model.there(self.key)
        self.text = None if self.seen is None else self.seen.text
        found = self.model.contents(self.key)
        self.is_new = found is None
        self.base = Contents(dict(self.first), {}, None) if found is None else found
        self.empty = dict(self.first) if found is None else None
        self.cleared = False
        self.loaded = True
        ends = None if self.seen is None else self.seen.ends
        self.noted(None if ends is None else ends - self.model.now())
        self.go_back()

    def noted(self, left_ms: int | None) -> None:
        self.left_ms, self.at = left_ms, self.model.now()

    def go_back(self) -> None:
        self.value, self.marks, self.ends = dict(self.base[0]), dict(self.base[1]), self.base[2]

    # What a handler does.

    def clear(self) -> None:
        self.value, self.marks, self.ends = dict(self.first), {}, None
        self.empty, self.cleared = dict(self.first), True

    def discard(self) -> None:
        self.go_back()
        self.empty = together(self.base) if self.is_new else None
        self.cleared = False

    def replace(self, value: Members) -> None:
        self.value, self.marks = dict(value), {}

    # How it ends.

    def part(self, saves: bool) -> Outcome:
        if self.habits.takes_turns and self.model.holder(self.key) is not self:
            return "lost"
        there = self.model.there(self.key)
        ours = self.wish() if saves else GONE
        if ours is GONE:
            return self.touch(there, self.ends if saves else self.base.ends)
        if (None if there is None else there.text) == self.text:
            return self.make(ours, ours)
        return self.meet(ours, there)

    def wish(self) -> Members | Literal["nothing"] | None:
        """A record, `"nothing"`, or `None` for what is there."""
        now, habits = self.model.now(), self.habits
        record = self.record(now)
        if self.empty is not None and record == self.empty:
            return "nothing" if self.cleared and self.text is not None else GONE
        ageless = habits.age_ms is not None and self.ends is None
        if not self.cleared and not ageless and record == together(self.base):
            return record if not self.is_new and self.ran_out(0) else GONE
        if ageless:
            assert habits.age_ms is not None
            self.ends = now + habits.age_ms
        return self.record(now)

    def record(self, now: int) -> Members:
        return together(apart(together(Contents(self.value, self.marks, self.ends)), now))

    def meet(self, ours: Members | Literal["nothing"], there: Entry | None) -> Outcome:
        """Somebody else wrote or removed the record."""
        if there is not None and ours != "nothing":
            return self.merge(ours, apart(there.record, NEVER))
        if there is None and (ours == "nothing" or self.is_new or self.ran_out(ABOUT)):
            return self.make(ours, ours)
        if self.habits.on_conflict == "raise":
            return "clash"
        if self.habits.on_conflict == "theirs":
            return self.give_way(there)
        return self.make(ours, ours)

    def ran_out(self, early_ms: int) -> bool:
        """Whether the entry ended by itself, or so it seems *early_ms* before."""
        left = self.left_ms
        return left is not None and self.model.now() - self.at >= left - early_ms

    def give_way(self, there: Entry | None) -> Outcome:
        """What somebody else made of the whole is what counts."""
        self.load()
        self.left_ms = None
        self.touch(there, self.ends)
        return "theirs"

    def merge(self, ours: Members, theirs: Contents) -> Outcome:
        mine, other = _pairs(apart(ours, NEVER)), _pairs(theirs)
        base, result = _pairs(self.base), _pairs(theirs)
        for name in [name for name in {**base, **mine} if base.get(name) != mine.get(name)]:
            chosen = mine.get(name)
            if other.get(name) not in (base.get(name), chosen):
                if self.habits.on_conflict == "raise":
                    return "clash"
                chosen = self.decided(mine.get(name), other.get(name))
            result.pop(name, None) if chosen is None else result.update({name: chosen})
        members = {name: value for name, (value, _) in result.items()}
        marks = {name: mark for name, (_, mark) in result.items() if mark is not None}
        self.ends = apart(ours, NEVER).ends if theirs.ends is None else theirs.ends
        made = self.make(ours, together(Contents(members, marks, self.ends)))
        return "merged" if made == "stored" else made

    def decided(self, ours: Any, theirs: Any) -> Any:
        """A member of both, as this policy has it; the sum is what the machine's function says."""
        if self.habits.on_conflict != "sum":
            return ours if self.habits.on_conflict == "ours" else theirs
        pair = [one for one in (ours, theirs) if one is not None]
        mark = next((mark for _, mark in pair if mark is not None), None)
        return sum(value for value, _ in pair), mark

    def make(
        self, ours: Members | Literal["nothing"], wish: Members | Literal["nothing"]
    ) -> Outcome:
        expiry = self.expiry(self.ends)
        if ours == "nothing" or wish == "nothing" or expiry == 0:
            self.model.entries.pop(self.key, None)
            self.text, self.is_new = None, True
            if ours == "nothing":
                self.base = Contents(dict(self.first), {}, None)
            self.noted(None)
            return "removed" if ours == "nothing" else "over"
        there = self.model.there(self.key)
        kept = None if there is None else there.ends
        ends = kept if expiry is None else self.model.now() + expiry
        self.model.entries[self.key] = Entry(wish, ends)
        self.noted(expiry)
        self.base = apart(wish, NEVER)
        self.go_back()
        self.empty, self.cleared, self.is_new = None, False, False
        self.text = self.model.entries[self.key].text
        return "stored"

    def touch(self, there: Entry | None, ends: int | None) -> Outcome:
        expiry, idle = self.expiry(ends), self.habits.idle_ms
        if self.is_new or idle is None or not expiry:
            return "nothing"
        left = None if self.left_ms is None else self.left_ms - (self.model.now() - self.at)
        if left is not None and expiry - left < idle / 10:
            return "nothing"
        if there is None or there.text != self.text:
            self.noted(FOR_LONG)
            return "nothing"
        self.noted(expiry)
        there.ends = self.model.now() + expiry
        return "touched"

    def expiry(self, ends: int | None) -> int | None:
        """How long the entry lives from now on; `None` for as long as it would."""
        idle = self.habits.idle_ms
        if ends is None:
            return idle
        left = max(0, ends - self.model.now())
        return left if idle is None else min(idle, left)


def _pairs(contents: Contents) -> dict[str, Any]:
    return {name: (value, contents.marks.get(name)) for name, value in contents.members.items()}
