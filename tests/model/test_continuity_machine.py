"""Random programs on sessions of session continuity, by several adapters at once: every call
answers what a plain model says, and every session is what that has."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st

from storage.continuity import (
    CompressionState,
    ConcurrencyError,
    MessageNotFoundError,
    Session,
    SessionClosedError,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    TokenBudgetConfig,
    TokenBudgetExceededError,
    ValidationError,
)
from storage.core.dialog.queries import cursor_after
from storage.testing import Bridge, Clock, CountingMachine, run_machine, step
from tests.contract.adapters import ALL, Ground, Row, params
from tests.day import IS_LONG, is_walked
from tests.model.dialogs import Answer, Habits, Kept, Model, at, sliced

PARTICIPANTS = ("memory", "sqlite", "valkey", *(("redis6", "redis8") if IS_LONG else ()))

TTLS: dict[str, int | None] = {"forever": None, "brief": 99_500, "long": 299_500}
"""How long each adapter keeps a session. No sum of ticks is one of these: a server keeps what ends
for the millisecond of its end."""

KEYS = st.sampled_from(["s", "s", "s", "t", "u"])
BY = st.sampled_from(["forever", "forever", "brief", "long"])
FOR = st.sampled_from([None, None, None, 60_000, 400_000])
"""How long a session may be written to after a step."""

USERS = st.sampled_from([None, "ann", "bob"])
TAGS = st.lists(st.sampled_from("abc"), max_size=2)
STATUS = st.sampled_from(["active"] * 7 + ["paused", "completed", "expired"])
TOKENS = st.sampled_from([None, 0, 1, 1, 2, 5])
MOMENTS = st.sampled_from([None] * 6 + [-30_000, 0, 5_000])
SOME = st.sampled_from([None, None, 0, 1, 2, 3])
STATUSES = ("active", "paused", "completed")
SELDOM = 18
WHICH = READY = st.integers(0, SELDOM + 2)
ODDS = st.integers(0, 3)

STATES = [
    None,
    CompressionState("hybrid", "1:a", ("m1",), "said before", 3, 9, at(1_700_000_000_000)),
]
BUDGETS = [
    *(None, None, None, TokenBudgetConfig(9, 2, "error"), TokenBudgetConfig(4, 0, "error")),
    TokenBudgetConfig(5, 1, "truncate"),
]

Members = dict[str, Any]

SESSIONS = st.fixed_dictionaries(
    {},
    optional={
        "user_id": USERS,
        "active_agent_id": st.sampled_from([None, "helper"]),
        "metadata": TAGS.map(lambda tags: {"tags": tags}),
        "status": STATUS,
        "token_budget": st.sampled_from(BUDGETS),
        "expires_at": MOMENTS,
    },
)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "user", "assistant", "system", "tool"]),
        "token_count": TOKENS,
    },
    optional={
        "metadata": st.sampled_from([None, {"n": 1}, {"n": [2]}]),
        "created_at": MOMENTS,
    },
)


class ContinuityMachine(CountingMachine):
    """What an adapter answers and has is what the model does, whoever asks."""

    row: ClassVar[Row]
    make: ClassVar[Any]

    outcomes: ClassVar[frozenset[str]] = frozenset(
        {
            *("created", "exists", "updated", "quiet", "conflict", "closed", "no session"),
            *("added", "repeated", "taken", "full", "amended", "discarded", "no message"),
            *(
                "emptied",
                "deleted",
                "stayed",
                "expired",
                "gone",
                "filtered",
                "gone on",
                "paused",
                "opened again",
            ),
            *("written in spite of its status", "another user"),
        }
    )

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.bridge = Bridge()
        self.ground: Ground = type(self).make(self.clock)
        first = self.row.opened(self.ground)
        bases = {"forever": first}
        for name in ("brief", "long"):
            ttl = (TTLS[name] or 0) / 1000
            bases[name] = self.row.beside(self.ground, first, ttl)
        self.faces = {name: self.bridge.driven(base) for name, base in bases.items()}
        self.model = Model()
        self.model.now = self.clock.ms
        self.numbers = itertools.count(1)

    def teardown(self) -> None:
        for face in self.faces.values():
            face.close()
        self.ground.close()
        self.bridge.close()

    @step(key=KEYS, by=BY, ms=FOR, members=SESSIONS, ago=MOMENTS)
    def create(self, key: str, by: str, ms: int | None, members: Members, ago: int | None) -> None:
        told = {name: value for name, value in self.dated(members).items() if value is not None}
        if ago is not None:
            told["created_at"] = at(self.clock.ms + ago)
        answer = self.model.create(key, told, Habits(TTLS[by], ms))
        self.answered(
            answer, lambda: self.faces[by].create_session({"id": key, **told}, **lasting(ms))
        )

    @step(key=KEYS, by=BY, ms=FOR, members=SESSIONS, seen=ODDS, quiet=ODDS, which=READY)
    def update(
        self, key: str, by: str, ms: int | None, members: Members, seen: int, quiet: int, which: int
    ) -> None:
        self.ready(key, by, which)
        told, kept = self.dated(members), self.model.find(key)
        if quiet == 0:
            told["compression_state"] = STATES[which % 2]
        version = 1 if kept is None else kept.session.version
        expected = {0: version, 1: version - 1}.get(seen)
        user = None if kept is None else kept.session.user_id
        answer = self.model.update(key, told, expected, quiet == 0, Habits(TTLS[by], ms))
        self.answered(
            answer,
            lambda: self.faces[by].update_session(
                key, told, expected_version=expected, quiet=quiet == 0, **lasting(ms)
            ),
        )
        if answer.outcome in ("updated", "quiet") and told.get("user_id", user) != user:
            self.came_to("another user")
            self.compare_lists(by)

    @step(key=KEYS, by=BY, rarely=st.integers(0, 5), before=st.sampled_from([None, -9, 0, 10**6]))
    def delete(self, key: str, by: str, rarely: int, before: int | None) -> None:
        if rarely and before is None:
            return
        moment = None if before is None else at(self.clock.ms + before)
        was_there = self.model.find(key) is not None
        right = self.model.delete(key, moment)
        assert self.faces[by].delete_session(key, expired_before=moment) is right
        self.came_to("deleted" if right else "stayed" if was_there else "nothing to delete")
        if right:
            assert list(self.faces[by].get_messages(key)) == []

    @step(key=KEYS, by=BY, ms=FOR, message=MESSAGES, which=WHICH, most=st.sampled_from([None, 7]))
    def add(
        self, key: str, by: str, ms: int | None, message: Members, which: int, most: int | None
    ) -> None:
        self.ready(key, by, which)
        told, kept = self.dated(message), self.model.find(key)
        if told.get("created_at", 0) is None:
            del told["created_at"]
        if which % 4 == 0 and kept is not None and kept.messages:
            told["id"] = self.some_id(kept, which)
        elif which % 4 == 1:
            others = [one for one in self.model.all() if one.session.id != key and one.messages]
            told["id"] = others[0].messages[-1].id if others else "new"
        if which % 4 == 2 and kept is not None and not kept.standing(self.now):
            status = STATUSES[which % len(STATUSES)]
            answer = self.model.update(key, {"status": status}, None, True, Habits())
            self.answered(
                answer,
                lambda: self.faces[by].update_session(key, {"status": status}, quiet=True),
            )
        self.say(key, by, ms, told, most)

    @step(key=KEYS, by=BY, ms=FOR, which=WHICH, message=MESSAGES, parts=st.integers(1, 7))
    def amend(
        self, key: str, by: str, ms: int | None, which: int, message: Members, parts: int
    ) -> None:
        self.ready(key, by, which, talks=True)
        name, number = self.some_id(self.model.find(key), which), next(self.numbers)
        told: Members = {}
        if parts & 1:
            told["content"] = [{"type": "text", "text": f"text {number}"}]
        if parts & 2:
            told["token_count"] = message["token_count"]
        if parts & 4:
            told["role"] = message["role"]
        if "metadata" in message:
            told["metadata"] = message["metadata"]
        answer = self.model.amend(key, name, told, Habits(TTLS[by], ms))
        self.answered(answer, lambda: self.faces[by].update_message(key, name, told, **lasting(ms)))

    @step(key=KEYS, by=BY, ms=FOR, which=WHICH)
    def discard(self, key: str, by: str, ms: int | None, which: int) -> None:
        self.ready(key, by, which, talks=True)
        if which % 4 == 1 and (kept := self.model.find(key)) is not None and kept.messages:
            self.close(key, by)
        kept = self.model.find(key)
        name, was_over = self.some_id(kept, which), kept is not None and kept.standing(self.now)
        answer = self.model.discard(key, name, Habits(TTLS[by], ms))
        self.answered(answer, lambda: self.faces[by].delete_message(key, name, **lasting(ms)))
        if was_over and answer.outcome == "discarded":
            self.came_to("written in spite of its status")

    @step(key=KEYS, by=BY, rarely=ODDS)
    def discard_all(self, key: str, by: str, rarely: int) -> None:
        if rarely == 0:
            answer = self.model.discard_all(key, Habits(TTLS[by]))
            self.answered(answer, lambda: self.faces[by].delete_all_messages(key))

    @step(
        by=BY, user=USERS, status=st.none() | STATUS, tags=TAGS, order=st.sampled_from("ad"),
        activity=st.booleans(), since=MOMENTS, limit=SOME, offset=st.integers(0, 2),
        goes_on=st.booleans(),
    )  # fmt: skip
    def list_sessions(
        self, by: str, user: str | None, status: str | None, tags: list[str], order: str,
        activity: bool, since: int | None, limit: int | None, offset: int, goes_on: bool,
    ) -> None:  # fmt: skip
        after = None if since is None else at(self.clock.ms + 4 * since)

        def wanted(one: Session) -> bool:
            return (
                user in (None, one.user_id)
                and status in (None, one.status)
                and (not tags or bool({*tags} & {*one.tags}))
                and (after is None or one.created_at >= after)
            )

        by_moment: Any = "activity" if activity else "created"
        moment = "last_activity_at" if activity else "created_at"
        all_of_them = self.model.listed(wanted, moment, order == "d", None)
        given = all_of_them[0] if goes_on and all_of_them else None
        right = self.model.listed(wanted, moment, order == "d", given)
        going_on = None if given is None else cursor_after(given, by_moment)
        found = self.faces[by].list_sessions(
            {
                "user_id": user, "status": status, "tags": tags, "created_after": after,
                "order": "desc" if order == "d" else "asc", "limit": limit, "offset": offset,
                "order_by": by_moment,
            },
            cursor=going_on,
        )  # fmt: skip
        assert list(found) == sliced(right, offset, limit)
        if found and (user or status or tags):
            self.came_to("filtered")
        if found and given is not None:
            self.came_to("gone on")

    @step(
        key=KEYS, by=BY, limit=SOME, offset=st.integers(0, 2), newest=st.booleans(),
        roles=st.sampled_from([(), ("user",), ("tool", "system")]),
        after=MOMENTS, before=MOMENTS,
    )  # fmt: skip
    def hear(
        self, key: str, by: str, limit: int | None, offset: int, newest: bool,
        roles: tuple[str, ...], after: int | None, before: int | None,
    ) -> None:  # fmt: skip
        kept = self.model.find(key)
        moments = [None if one is None else at(self.clock.ms + one) for one in (after, before)]
        right = [
            one
            for one in (kept.messages if kept else [])
            if (not roles or one.role in roles)
            and (moments[0] is None or one.created_at > moments[0])
            and (moments[1] is None or one.created_at < moments[1])
        ]
        right = right[::-1] if newest else right
        found = self.faces[by].get_messages(
            key,
            {
                "limit": limit, "offset": offset, "order": "desc" if newest else "asc",
                "roles": roles, "after": moments[0], "before": moments[1],
            },
        )  # fmt: skip
        assert list(found) == sliced(right, offset, limit)

    @step(by=BY, before=st.sampled_from([None, None, -50_000, 0, 100_000]))
    def look_for_expired_ones(self, by: str, before: int | None) -> None:
        moment = None if before is None else at(self.clock.ms + before)
        found = sorted(self.faces[by].get_expired_sessions(moment))
        assert found == self.model.expired(self.clock.ms + (before or 0))
        if found:
            self.came_to("expired")

    @step(seconds=st.sampled_from([0.007, 0.007, 0.007, 0.007, 13, 41, 120]))
    def tick(self, seconds: float) -> None:
        before = len(self.model.all())
        self.clock.tick(seconds)
        self.model.now = self.clock.ms
        if len(self.model.all()) < before:
            self.came_to("gone")

    @step(by=BY)
    def all_is_there(self, by: str) -> None:
        self.compare_lists(by)
        for key in ("s", "t", "u"):
            self.compare(key, by)

    def ready(self, key: str, by: str, which: int, *, talks: bool = False) -> None:
        """Mostly, have a session that can be written to, and one that *talks* with a message."""
        kept, face = self.model.find(key), self.faces[by]
        if which >= SELDOM:
            return
        if kept is None:
            made: Members = {"user_id": ("ann", "bob")[which % 2]}
            if which % 4 == 0:
                made["token_budget"] = TokenBudgetConfig(4, 0, "error")
            answer = self.model.create(key, made, Habits(TTLS[by]))
            self.answered(answer, lambda: face.create_session({"id": key, **made}))
        elif kept.standing(self.now) or kept.session.status == "paused":
            told: Members = {"status": "active", "expires_at": None}
            answer = self.model.update(key, told, None, True, Habits(TTLS[by]))
            self.answered(answer, lambda: face.update_session(key, told, quiet=True))
            self.came_to("opened again")
        kept = self.model.find(key)
        if talks and kept is not None and not kept.messages:
            self.say(key, by, None, {"role": "user", "token_count": 1}, None)

    def close(self, key: str, by: str) -> None:
        """The session is over."""
        answer = self.model.update(key, {"status": "completed"}, None, False, Habits(TTLS[by]))
        self.answered(answer, lambda: self.faces[by].update_session(key, {"status": "completed"}))

    def say(self, key: str, by: str, ms: int | None, told: Members, most: int | None) -> None:
        """Have a new message."""
        number = next(self.numbers)
        told = {"id": f"m{number}", "content": f"text {number}", **told}
        answer, kept = self.model.add(key, told, most, Habits(TTLS[by], ms))
        found = self.answered(
            answer,
            lambda: self.faces[by].add_message(key, told, most_tokens=most, **lasting(ms)),
            found_is_right=lambda found: self.made_then(found, answer, kept, told),
        )
        if answer.outcome == "added" and kept is not None:
            kept.messages[-1] = found
            kept.latest = max(kept.latest, found.created_at)
        if answer.outcome == "closed" and answer.given == "paused":
            self.came_to("paused")

    @property
    def now(self) -> int:
        return self.clock.ms

    def answered(
        self,
        answer: Answer,
        call: Callable[[], Any],
        found_is_right: Callable[[Any], bool] | None = None,
    ) -> Any:
        """What *call* gives is what the model answers, or it is refused as it says."""
        self.came_to(answer.outcome)
        outcome, given = answer
        if outcome in ("no session", "no message"):
            with pytest.raises(StorageError) as failed:
                call()
            missing = SessionNotFoundError if outcome == "no session" else MessageNotFoundError
            assert type(failed.value.__cause__) is missing
        elif outcome == "closed":
            with pytest.raises(SessionClosedError) as closed:
                call()
            assert closed.value.status == given
        elif outcome == "conflict":
            with pytest.raises(ConcurrencyError) as conflict:
                call()
            assert conflict.value.actual == given
        elif outcome == "full":
            with pytest.raises(TokenBudgetExceededError) as full:
                call()
            assert (full.value.used, full.value.limit) == given
        elif outcome in ("exists", "taken"):
            with pytest.raises(SessionExistsError if outcome == "exists" else ValidationError):
                call()
        else:
            found = call()
            assert found == given if found_is_right is None else found_is_right(found)
            return found
        return None

    def made_then(self, found: Any, answer: Answer, kept: Kept | None, told: Members) -> bool:
        """A message is what it has to be. It may be made as late as one that is not there any
        more."""
        assert kept is not None
        latest = max(answer.given.created_at, kept.latest)
        if answer.outcome == "added" and "created_at" not in told and found.created_at == latest:
            return bool(found == answer.given._replace(created_at=latest))
        return bool(found == answer.given)

    def compare(self, key: str, by: str) -> None:
        """Everything that is there, and what is known of it."""
        kept = self.model.find(key)
        assert self.faces[by].get_session(key) == (kept.told if kept else None)
        assert list(self.faces[by].get_messages(key)) == (kept.messages if kept else [])

    def compare_lists(self, by: str) -> None:
        for user in (None, "ann", "bob"):
            right = self.model.listed(
                lambda one: user in (None, one.user_id),  # noqa: B023
                "created_at",
                False,
                None,
            )
            asked = {} if user is None else {"user_id": user}
            assert list(self.faces[by].list_sessions(asked)) == right

    def dated(self, members: Members) -> Members:
        """*members* with moments in place of how far they are."""
        told = dict(members)
        for name in ("expires_at", "created_at"):
            if told.get(name) is not None:
                told[name] = at(self.clock.ms + 2 * told[name])
        return told

    def some_id(self, kept: Kept | None, which: int) -> str:
        names = [one.id for one in kept.messages] if kept else []
        return names[which % len(names)] if names and which < SELDOM - 1 else f"x{which}"


def lasting(ms: int | None) -> dict[str, float]:
    return {} if ms is None else {"session_ttl": ms / 1000}


ROWS = [row for row in ALL if row.name in PARTICIPANTS and is_walked(row.name, row.half)]


@pytest.mark.parametrize("row", params(ROWS))
def test_sessions_do_what_plain_lists_do(
    row: Row, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    numbers = itertools.count()

    def make(clock: Clock) -> Ground:
        own = tmp_path / str(next(numbers))
        own.mkdir()
        return row.ground(request, own, clock)

    members = {"make": staticmethod(make), "row": row}
    machine = type(f"SessionsOf{row}", (ContinuityMachine,), members)
    run_machine(machine, share=row.share)
