"""Random programs on conversations, with tools, edits and time: every call answers what a plain
list says, and every conversation is what that has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from storage.errors import ConflictError, StorageError, UnstorableError
from storage.histories import Bounds
from storage.testing import Bridge, Clock, CountingMachine, run_machine, step
from tests.contract.backends import BACKENDS, Ground, Row, params
from tests.conversation.oracle import Line, Said
from tests.day import IS_LONG, is_walked
from tests.model.talks import Habits, Kept, Model, written

PARTICIPANTS = ("memory", "sqlite", "valkey", *(("redis6", "redis8") if IS_LONG else ()))
"""The stores that keep conversations."""

IDLE, AGE = 100_000, 300_000

FACES: dict[str, Habits] = {
    "all": Habits(),
    "few": Habits(Bounds(6)),
    "one": Habits(Bounds(1)),
    "cheap": Habits(Bounds(tokens=12)),
    "short": Habits(Bounds(8, 20, 2), IDLE),
    "aging": Habits(Bounds(10), IDLE, AGE),
    "lenient": Habits(Bounds(5), None, AGE, keeps_orphans=True),
}

REFUSALS: dict[str, type[StorageError]] = {"conflict": ConflictError, "orphan": UnstorableError}

MOST_TIES = 12
"""A conversation with more late results than that is not gone on with: rooms note as many as they
can, and keep more together then than has to be."""

KEYS = st.sampled_from(["chat:1", "chat:1", "chat:1", "chat:2"])
BY = st.sampled_from([*FACES, "all", "few", "short"])
TOKENS = st.sampled_from([0, 1, 1, 2, 3, 7, 30])
KIND = st.sampled_from(
    [
        *("user", "user", "user", "assistant", "assistant", "calls", "calls", "parallel calls"),
        *("result", "result", "result", "all results", "named call", "reasoning", "system"),
        *("developer", "critic", "orphan"),
    ]
)
ACTS = st.lists(st.tuples(KIND, TOKENS, st.integers(0, 5)), min_size=1, max_size=5)
WHICH = st.integers(0, 20)
ODDS = st.integers(0, 3)
SOME = st.sampled_from([None, None, 1, 2, 3, 5])
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class ConversationMachine(CountingMachine):
    """What a conversation answers and has is what the model does, whoever asks."""

    row: ClassVar[Row]
    make: ClassVar[Any]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *("appended", "repeated", "conflict", "orphan", "dropped at once", "trimmed"),
            *("popped a result", "took a call with its results", "unpinned what is gone"),
            *("late result", "kept an orphan", "window cut short", "window without a broken call"),
            *("forked", "forked onto another", "over", "filtered", "edited by a function"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.bridge = Bridge()
        self.ground: Ground = type(self).make(self.clock)
        base = self.row.opened(self.ground)
        self.store = self.bridge.driven(base)
        self.faces = {name: self.bridge.driven(self.face(base, FACES[name])) for name in FACES}
        self.model = Model()
        self.model.now = self.clock.ms
        self.numbers = itertools.count(1)

    def face(self, base: Any, habits: Habits) -> Any:
        return self.row.half.Conversation(
            base,
            max_messages=habits.bounds.messages,
            max_tokens=habits.bounds.tokens,
            max_turns=habits.bounds.turns,
            ttl=None if habits.ttl_ms is None else habits.ttl_ms / 1000,
            max_age=None if habits.max_age_ms is None else habits.max_age_ms / 1000,
            count_tokens=lambda message: int(message["tokens"]),
            on_orphan="keep" if habits.keeps_orphans else "raise",
        )

    def teardown(self) -> None:
        self.store.close()
        self.ground.close()
        self.bridge.close()

    @step(key=KEYS, by=BY, acts=ACTS, one=st.booleans(), expect=ODDS, once=ODDS)
    def append(self, key: str, by: str, acts: list[Any], one: bool, expect: int, once: int) -> None:
        lines = self.lines(key, acts[:1] if one else acts)
        talk = self.model.find(key)
        last = 0 if talk is None else talk.seq
        if_seq = {0: last, 1: last - 1 if last else 7}.get(expect)
        self.say(key, by, lines, if_seq, None)

    @step(key=KEYS, by=BY, tokens=TOKENS, then=ODDS)
    def append_pinned(self, key: str, by: str, tokens: int, then: int) -> None:
        self.say(key, by, [Line("user", tokens, pin=True)], None, None)
        talk = self.model.find(key)
        if then == 0 and talk is not None:
            pinned = talk.seq
            self.say(key, "few", [Line("user", 1)] * 6, None, None)
            self.unpin_it(key, by, pinned)

    @step(key=KEYS, by=BY, calls=st.integers(1, 2), between=st.integers(0, 3), rest=ODDS)
    def append_a_late_result(self, key: str, by: str, calls: int, between: int, rest: int) -> None:
        names = tuple(f"late {next(self.numbers)}.{number}" for number in range(calls))
        self.say(key, by, [Line("user", 1), Line("assistant", 1, calls=names)], None, None)
        for _ in range(between):
            self.say(key, by, [Line("user", 1)], None, None)
        talk = self.model.find(key)
        if rest and talk is not None and names[0] in talk.opens:
            self.say(key, by, [Line("tool", 1, answers=names[:1])], None, None)
            self.came_to("late result")

    @step(key=KEYS, by=st.sampled_from(["all", "lenient", "lenient"]), rarely=ODDS)
    def append_a_result_without_a_call(self, key: str, by: str, rarely: int) -> None:
        if rarely == 0:
            lines = [Line("user", 1), Line("tool", 1, answers=("nobody's",)), Line("user", 1)]
            self.say(key, by, lines, None, None)

    @step(key=KEYS, by=BY, acts=ACTS, between=ODDS)
    def append_once(self, key: str, by: str, acts: list[Any], between: int) -> None:
        once, lines = f"once {next(self.numbers)}", self.lines(key, acts)
        self.say(key, by, lines, None, once)
        if between == 0:
            self.say(key, by, [Line("user", 1)], None, None)
        self.say(key, by, lines, None, once)

    @step(key=KEYS, by=BY)
    def pop(self, key: str, by: str) -> None:
        taken = self.take(key, by, lambda talk: talk.said[-1:])
        assert self.faces[by].pop(key) == (self.told(taken)[0] if taken else None)
        if taken and taken[0].calls:
            self.came_to("popped a result")

    @step(key=KEYS, by=BY, turns=st.sampled_from([1, 1, 1, 2, 5]))
    def undo(self, key: str, by: str, turns: int) -> None:
        def last(talk: Kept) -> list[Said]:
            starts = [one.seq for one in talk.said if one.line.is_turn]
            since = starts[-turns:][0] if starts else talk.seq + 1
            return [one for one in talk.said if one.seq >= since]

        taken = self.take(key, by, last)
        self.same(self.faces[by].undo(key, turns), taken)

    @step(key=KEYS, by=BY, which=WHICH)
    def truncate_after(self, key: str, by: str, which: int) -> None:
        seq = self.some_seq(key, which) if which else 0
        taken = self.take(key, by, lambda talk: [one for one in talk.said if one.seq > seq])
        self.same(self.faces[by].truncate_after(key, seq), taken)

    @step(key=KEYS, by=BY, which=WHICH)
    def delete(self, key: str, by: str, which: int) -> None:
        talk, seq = self.model.find(key), self.some_seq(key, which)
        results = [one.seq for one in talk.said if one.calls] if talk else []
        if which % 2 and results:
            seq = results[which % len(results)]
        taken = self.take(key, by, lambda talk: talk.group(seq))
        self.same(self.faces[by].delete(key, seq), taken)
        if len(taken) > 1:
            self.came_to("took a call with its results")

    @step(key=KEYS, by=BY, which=WHICH)
    def pin(self, key: str, by: str, which: int) -> None:
        seq = self.some_seq(key, which)
        right = self.model.pin(key, seq, FACES[by], stays=True)
        assert self.faces[by].pin(key, seq) is right

    @step(key=KEYS, by=BY, which=st.integers(0, 4))
    def unpin(self, key: str, by: str, which: int) -> None:
        talk = self.model.find(key)
        guarded = [one.seq for one in talk.said if one.is_guarded] if talk else []
        self.unpin_it(key, by, guarded[which % len(guarded)] if guarded else which + 1)

    @step(key=KEYS, by=BY, which=WHICH, tokens=TOKENS, by_function=st.booleans())
    def edit(self, key: str, by: str, which: int, tokens: int, by_function: bool) -> None:
        talk, seq = self.model.find(key), self.some_seq(key, which)
        old = [one for one in talk.said if one.seq == seq] if talk else []
        before = self.told(old)[0] if old else {"role": "user", "content": ""}
        new = {**before, "tokens": tokens, "edited": next(self.numbers)}
        if by_function:

            def change(message: dict[str, Any]) -> dict[str, Any]:
                assert message == before
                return new

            done = self.faces[by].edit(key, seq, change)
            self.came_to("edited by a function")
        else:
            done = self.faces[by].edit(key, seq, new)
        assert done is self.model.edit(key, seq, new, FACES[by])

    @step(key=KEYS, by=BY, to=KEYS, which=WHICH, all_of_it=st.booleans())
    def fork(self, key: str, by: str, to: str, which: int, all_of_it: bool) -> None:
        talk = self.model.find(key)
        if key != to and which > 10 and self.model.find(to) is not None:
            self.clear(to, by)
        at = None if all_of_it else self.some_seq(key, which)
        right = self.model.fork(key, to, at, FACES[by])
        face = self.faces[by]
        if right == "nothing":
            with pytest.raises(KeyError):
                face.fork(key, to, at=at)
        elif right == "taken":
            with pytest.raises(ConflictError):
                face.fork(key, to, at=at)
            self.came_to("forked onto another")
        else:
            assert face.fork(key, to, at=at) == right
            assert talk is not None
            self.came_to("forked")

    @step(key=KEYS, by=BY, rarely=st.integers(0, 5))
    def clear_it(self, key: str, by: str, rarely: int) -> None:
        if rarely == 0:
            self.clear(key, by)

    @step(
        key=KEYS, by=BY, limit=SOME, newest=st.booleans(), low=SOME, high=WHICH,
        roles=st.sampled_from([None, "user", ("tool", "critic"), ("assistant",)]),
        since=st.sampled_from([None, None, 5, 20_000]), until=st.sampled_from([None, None, 5]),
    )  # fmt: skip
    def list_some(
        self, key: str, by: str, limit: int | None, newest: bool, low: int | None, high: int,
        roles: Any, since: int | None, until: int | None,
    ) -> None:  # fmt: skip
        talk = self.model.find(key)
        said = talk.said if talk else []
        before = high if high % 2 else None
        moments = [None if one is None else self.clock.ms - one for one in (since, until)]
        names = (roles,) if isinstance(roles, str) else roles
        wanted = [
            one
            for one in said
            if (low is None or one.seq > low)
            and (before is None or one.seq < before)
            and (names is None or one.line.role in names)
            and (moments[0] is None or talk.times[one.seq] >= moments[0])  # type: ignore[union-attr]
            and (moments[1] is None or talk.times[one.seq] < moments[1])  # type: ignore[union-attr]
        ]
        chosen = wanted if limit is None else wanted[-limit:] if newest else wanted[:limit]
        bounds = {("last" if newest else "first"): limit} if limit else {}
        found = self.faces[by].list(
            key, before=before, after=low, roles=roles, **bounds,
            since=None if moments[0] is None else moments[0] / 1000,
            until=None if moments[1] is None else moments[1] / 1000,
        )  # fmt: skip
        self.same(found, chosen)
        is_short = len(chosen) < len(wanted)
        if chosen and is_short:
            assert (found.older if newest else found.newer) == chosen[0 if newest else -1].seq
        if names and chosen:
            self.came_to("filtered")

    @step(
        key=KEYS, by=BY, messages=SOME, tokens=st.sampled_from([None, None, 1, 4, 15]), turns=SOME
    )
    def window(
        self, key: str, by: str, messages: int | None, tokens: int | None, turns: int | None
    ) -> None:
        talk = self.model.find(key)
        found = self.faces[by].window(key, messages=messages, tokens=tokens, turns=turns)
        if talk is None:
            assert found == []
            return
        right = talk.shown(Bounds(messages, tokens, turns))
        is_vague = any(one.is_guarded and one.line.calls for one in talk.said)
        if not is_vague:  # whether a call that stays is over is seen by what follows
            self.same(found, right)
        if len(talk.shown(Bounds())) < len([one for one in talk.said if not one.is_orphan]):
            self.came_to("window without a broken call")
        if len(right) < len(talk.shown(Bounds())):
            self.came_to("window cut short")

    @step(seconds=st.sampled_from([0.007, 0.007, 0.007, 0.007, 13, 41, 120]))
    def tick(self, seconds: float) -> None:
        before = [key for key in ("chat:1", "chat:2") if self.model.find(key)]
        self.clock.tick(seconds)
        self.model.now = self.clock.ms
        if any(self.model.find(key) is None for key in before):
            self.came_to("over")

    @step(key=KEYS, by=BY)
    def all_is_there(self, key: str, by: str) -> None:
        self.compare(key, by)

    def lines(self, key: str, acts: list[Any]) -> list[Line]:
        """What is said by *acts*; a result is that of a call that waits then."""
        talk = self.model.find(key)
        opens: dict[int, list[str]] = {}
        for call, seq in talk.opens.items() if talk else ():
            opens.setdefault(seq, []).append(call)
        return [self.line(act, list(opens.values())) for act in acts]

    def line(self, act: Any, opens: list[list[str]]) -> Line:
        kind, tokens, which = act
        number = next(self.numbers)
        if kind in ("calls", "parallel calls"):
            parts = range(1 if kind == "calls" else 3)
            return Line("assistant", tokens, calls=tuple(f"{number}.{part}" for part in parts))
        if kind == "named call":
            return Line("assistant", tokens, calls=("function:f",))
        if kind in ("result", "all results") and opens:
            group = opens[which % len(opens)]
            if kind == "result" or group[0].startswith("function:"):
                return Line("tool", tokens, answers=(group[which % len(group)],))
            return Line("user", tokens, answers=tuple(group))
        if kind == "orphan":
            return Line("tool", tokens, answers=("nobody's",))
        if kind == "reasoning":
            return Line("assistant", tokens, leads=True)
        return Line(
            kind if kind in ("assistant", "system", "developer", "critic") else "user", tokens
        )

    def say(
        self, key: str, by: str, lines: list[Line], if_seq: int | None, once: str | None
    ) -> None:
        self.forget_many_ties(key, by)
        lines = [written(line, next(self.numbers)) for line in lines]
        known = set(self.seqs(self.model.find(key)))
        told = self.model.append(key, lines, FACES[by], if_seq, once)
        if told.outcome in REFUSALS:
            with pytest.raises(REFUSALS[told.outcome]):
                self.send(key, by, lines, if_seq, once)
        else:
            assert self.send(key, by, lines, if_seq, once) == told.seqs[-len(lines) :]
        self.came_to(told.outcome)
        talk = self.model.find(key)
        if told.outcome == "appended" and talk is not None:
            there = set(self.seqs(talk))
            self.came_to("trimmed" if known - there else "kept all")
            if not there.issuperset(told.seqs):
                self.came_to("dropped at once")
            if any(one.is_orphan for one in talk.said):
                self.came_to("kept an orphan")
        self.compare(key, by)

    def send(
        self, key: str, by: str, lines: list[Line], if_seq: int | None, once: str | None
    ) -> list[int]:
        """The numbers that a conversation says *lines* have; of one that is repeated, the last."""
        face, messages = self.faces[by], [line.message for line in lines]
        if len(lines) == 1:
            return [face.append(key, messages[0], pin=lines[0].pin, if_seq=if_seq, once=once)]
        seqs: list[int] = face.append_many(key, messages, if_seq=if_seq, once=once)
        return seqs[-len(lines) :]

    def unpin_it(self, key: str, by: str, seq: int) -> None:
        right = self.model.pin(key, seq, FACES[by], stays=False)
        assert self.faces[by].unpin(key, seq) is right
        talk = self.model.find(key)
        if right and talk is not None and not talk.has(seq):
            self.came_to("unpinned what is gone")

    def take(self, key: str, by: str, choose: Callable[[Kept], Sequence[Said]]) -> list[Said]:
        return self.model.alter(key, FACES[by], choose)

    def clear(self, key: str, by: str) -> None:
        assert self.faces[by].clear(key) is self.model.clear(key)

    def forget_many_ties(self, key: str, by: str) -> None:
        talk = self.model.find(key)
        if talk is not None and len({call for call, _ in talk.ties if talk.has(call)}) > MOST_TIES:
            self.clear(key, by)

    def compare(self, key: str, by: str) -> None:
        """Everything that is there, and what is told of it."""
        talk = self.model.find(key)
        found = self.faces[by].list(key)
        self.same(found, talk.said if talk else [])
        usage = self.faces[by].usage(key)
        if talk is None:
            assert usage is None
            return
        for one, right in zip(found.records, talk.said):
            assert abs(_ms(one.at) - talk.times[one.seq]) <= self.row.late_ms
            assert (one.tokens, one.stays) == (right.line.tokens, right.is_guarded)
        others = talk.others()
        assert usage[:5] == (
            len(talk.said),
            sum(one.line.tokens for one in talk.said),
            0,
            sum(one.line.is_turn for one in others),
            talk.seq,
        )
        for moment, ms in ((usage.began, talk.born), (usage.changed, talk.at)):
            assert abs(_ms(moment) - ms) <= self.row.late_ms
        assert (usage.ends is None) is (talk.ends is None)
        if talk.ends is not None:
            assert abs(_ms(usage.ends) - talk.ends) <= self.row.late_ms

    def same(self, found: Any, right: list[Said]) -> None:
        assert found.seqs == self.seqs(right)
        assert list(found) == self.told(right)

    def told(self, said: list[Said]) -> list[dict[str, Any]]:
        return [one.line.message for one in said]

    def seqs(self, said: Any) -> list[int]:
        return [one.seq for one in (said.said if isinstance(said, Kept) else said or ())]

    def some_seq(self, key: str, which: int) -> int:
        seqs = self.seqs(self.model.find(key))
        return seqs[which % len(seqs)] if seqs and which < 18 else which + 1


def _ms(moment: datetime) -> int:
    return round((moment - EPOCH).total_seconds() * 1000)


ROWS = [row for row in BACKENDS if row.name in PARTICIPANTS and is_walked(row.name, row.half)]


@pytest.mark.parametrize("row", params(ROWS))
def test_conversations_do_what_plain_lists_do(
    row: Row, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    numbers = itertools.count()

    def make(clock: Clock) -> Ground:
        own = tmp_path / str(next(numbers))
        own.mkdir()
        return row.ground(request, own, clock)

    members = {"make": staticmethod(make), "row": row}
    machine = type(f"ConversationsOf{row}", (ConversationMachine,), members)
    run_machine(machine, share=2 * row.share)
