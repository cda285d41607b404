"""Sessions of session continuity in plain lists, with a clock: what each call answers, and what is
there then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from storage.continuity import Message, Session

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
OVER = ("completed", "expired")


def at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


class Habits(NamedTuple):
    """How long who asks keeps a session, and how long it may be written to."""

    ttl_ms: int | None = None
    session_ms: int | None = None


class Answer(NamedTuple):
    """What came of a call: how it ended, and what it gives."""

    outcome: str
    given: Any = None


@dataclass
class Kept:
    """A session, its messages, and until when it is there."""

    session: Session
    clock: Callable[[], int]
    messages: list[Message] = field(default_factory=list)
    seq: int = 0
    ends: int | None = None
    latest: datetime = EPOCH
    """The latest moment of a message that was ever there."""

    @property
    def told(self) -> Session:
        """As it is told, with what is known of its messages."""
        tokens = sum(one.token_count or 0 for one in self.messages)
        status: Any = self.standing(self.clock()) or self.session.status
        return self.session._replace(
            status=status, token_count=tokens, message_count=len(self.messages)
        )

    def standing(self, now: int) -> str:
        """How it is over; nothing where it is not."""
        status, expires = self.session.status, self.session.expires_at
        if status in OVER:
            return status
        return "expired" if expires is not None and expires <= at(now) else ""

    def room(self, otherwise: int | None) -> int | None:
        """How many tokens there may be."""
        budget = self.session.token_budget
        if budget is None:
            return otherwise
        if budget.overflow_strategy != "error":
            return None
        return budget.max_tokens - budget.reserve_tokens

    def stir(self, habits: Habits, now: int, *, renews: bool) -> None:
        """Somebody has changed it."""
        self.session = self.session._replace(last_activity_at=at(now))
        if renews and habits.session_ms is not None:
            self.session = self.session._replace(expires_at=at(now + habits.session_ms))
        if habits.ttl_ms is not None:
            self.ends = now + habits.ttl_ms

    def stir_messages(self, habits: Habits, now: int, *, renews: bool = True) -> None:
        """Somebody has changed its messages: what they were made shorter to is over."""
        self.session = self.session._replace(compression_state=None)
        self.stir(habits, now, renews=renews)


class Model:
    """All sessions, at a time that is turned by hand."""

    def __init__(self) -> None:
        self.now = 0
        self.kept: dict[str, Kept] = {}

    def find(self, name: str) -> Kept | None:
        kept = self.kept.get(name)
        if kept is not None and kept.ends is not None and kept.ends <= self.now:
            del self.kept[name]
            return None
        return kept

    def all(self) -> list[Kept]:
        return [kept for name in list(self.kept) if (kept := self.find(name)) is not None]

    def create(self, name: str, members: dict[str, Any], habits: Habits) -> Answer:
        if self.find(name) is not None:
            return Answer("exists")
        made = Session(
            id=name, user_id=None, active_agent_id=None, status="active", metadata={},
            participants=(), created_at=at(self.now), last_activity_at=at(self.now),
            expires_at=None, token_budget=None, compression=None, compression_state=None,
            token_count=0, message_count=0, version=1,
        )  # fmt: skip
        kept = Kept(made, lambda: self.now)
        kept.stir(habits, self.now, renews=True)
        kept.session = kept.session._replace(**members)
        self.kept[name] = kept
        return Answer("created", kept.told)

    def update(
        self, name: str, members: dict[str, Any], expected: int | None, quiet: bool, habits: Habits
    ) -> Answer:
        kept = self.find(name)
        if kept is None:
            return Answer("no session")
        if not quiet and kept.standing(self.now):
            return Answer("closed", kept.standing(self.now))
        if expected not in (None, kept.session.version):
            return Answer("conflict", kept.session.version)
        kept.session = kept.session._replace(**members)
        if not quiet:
            kept.session = kept.session._replace(version=kept.session.version + 1)
            kept.stir(habits, self.now, renews="expires_at" not in members)
        return Answer("quiet" if quiet else "updated", kept.told)

    def delete(self, name: str, before: datetime | None) -> bool:
        kept = self.find(name)
        if kept is None:
            return False
        expires = kept.session.expires_at
        if before is not None and (expires is None or expires > min(before, at(self.now))):
            return False
        del self.kept[name]
        return True

    def add(
        self, name: str, message: dict[str, Any], most: int | None, habits: Habits
    ) -> tuple[Answer, Kept | None]:
        """What comes of a new message, and the session that it is in."""
        kept = self.find(name)
        if kept is None:
            return Answer("no session"), None
        for one in kept.messages:
            if one.id == message["id"]:
                return Answer("repeated", one), kept
        if any(one.id == message["id"] for other in self.all() for one in other.messages):
            return Answer("taken"), kept
        status = kept.standing(self.now) or kept.session.status
        if status != "active":
            return Answer("closed", status), kept
        room, tokens = kept.room(most), message["token_count"] or 0
        if room is not None and kept.told.token_count + tokens > room:
            return Answer("full", (kept.told.token_count, room)), kept
        made = max([at(self.now), *(one.created_at for one in kept.messages[-1:])])
        kept.seq += 1
        rest = {"created_at": made, "sequence": kept.seq, "session_id": name, "metadata": None}
        kept.messages.append(Message(**{**rest, **message}))
        kept.stir_messages(habits, self.now)
        return Answer("added", kept.messages[-1]), kept

    def amend(self, name: str, which: str, members: dict[str, Any], habits: Habits) -> Answer:
        kept = self.find(name)
        if kept is None:
            return Answer("no session")
        place = self.place(kept, which)
        if place is None:
            return Answer("no message")
        if kept.standing(self.now):
            return Answer("closed", kept.standing(self.now))
        changed = kept.messages[place]._replace(**members, updated_at=at(self.now))
        kept.messages[place] = changed
        kept.stir_messages(habits, self.now)
        return Answer("amended", changed)

    def discard(self, name: str, which: str, habits: Habits) -> Answer:
        kept = self.find(name)
        if kept is None:
            return Answer("no session")
        place = self.place(kept, which)
        if place is None:
            return Answer("no message")
        gone = kept.messages.pop(place)
        kept.stir_messages(habits, self.now, renews=not kept.standing(self.now))
        return Answer("discarded", gone)

    def discard_all(self, name: str, habits: Habits) -> Answer:
        kept = self.find(name)
        if kept is None:
            return Answer("no session")
        gone, kept.messages = kept.messages, []
        kept.stir_messages(replace_session(habits), self.now)
        return Answer("emptied", len(gone))

    def expired(self, before: int) -> list[str]:
        ends = [(kept.session.expires_at, kept.session.id) for kept in self.all()]
        return sorted(name for expires, name in ends if expires and expires <= at(before))

    def listed(
        self, wanted: Callable[[Session], bool], by: str, newest: bool, after: Session | None
    ) -> list[Session]:
        """The sessions that are wanted, in order, those after one where it is told."""

        def place(session: Session) -> tuple[float, str]:
            moment = getattr(session, by).timestamp()
            return -moment if newest else moment, session.id

        found = sorted((kept.told for kept in self.all() if wanted(kept.told)), key=place)
        return [one for one in found if after is None or place(one) > place(after)]

    @staticmethod
    def place(kept: Kept, which: str) -> int | None:
        names = [one.id for one in kept.messages]
        return names.index(which) if which in names else None


def replace_session(habits: Habits) -> Habits:
    """*habits* of a step that says nothing of until when the session may be written to."""
    return habits._replace(session_ms=None)


def sliced(found: Sequence[Any], offset: int, limit: int | None) -> list[Any]:
    return list(found[offset:])[:limit]
