"""Random steps with sessions, and what holds after each of them, whatever room keeps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from storage.core.dialog.dates import iso
from storage.core.dialog.steps import tokens_of
from storage.dialogs import Asked, Change, Fields, Held, Terms, Wanted
from storage.testing import Clock

Step = tuple[Any, ...]

START = Clock().ms
EVERYTHING = Asked()
SESSIONS = ("a", "b", "B", "ключ € \U0001f600")
MESSAGES = tuple(f"m{number}" for number in range(6))
BUDGETS = (
    '{"maxTokens":12,"reserveTokens":2,"overflowStrategy":"error"}',
    '{"maxTokens":12,"reserveTokens":0,"overflowStrategy":"truncate"}',
    '{"maxTokens":9,"overflowStrategy":"error"}',
    '{"maxTokens":"9","overflowStrategy":"error"}',
    '{"maxTokens":2,"reserveTokens":9,"overflowStrategy":"error"}',
    "[]",
    "{",
)
METADATA = ("{}", '{"tags":["x","y"]}', '{"tags":["z",1]}', '{"tags":"x"}', "[]", "no JSON")

_sessions = st.sampled_from(["a", "a", "a", "b", *SESSIONS])
_messages = st.sampled_from(MESSAGES)
_texts = st.sampled_from(["u", "v", "w"])
_statuses = st.sampled_from(["active"] * 6 + ["paused", "completed", "expired"])
_tokens = st.sampled_from(["", "0", "1", "3", "7", "9", "4.5", "-1", "9" * 20])
_roles = st.sampled_from(["user", "assistant", "system"])
_moments = st.integers(-3000, 9000).map(lambda ms: START + ms)
_dates = st.one_of(
    _moments.map(iso), st.sampled_from(["", "soon", "2023-11-14T22:13:21+00:00", "2023-13-99"])
)
_counts = st.one_of(st.none(), st.integers(0, 4), st.just(10**25))
_terms = st.builds(
    Terms,
    st.sampled_from([None, None, None, 1500, 6000]),
    st.sampled_from([None, None, None, 900, 4000]),
)


def _some(**optional: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional=optional)


_session_fields = _some(
    userId=_texts,
    activeAgentId=_texts,
    status=_statuses,
    metadata=st.sampled_from(METADATA),
    tokenBudget=st.sampled_from(BUDGETS),
    createdAt=_dates,
    expiresAt=_dates,
    ours=_texts,
)
_message_fields = _some(role=_roles, content=st.text(max_size=3), tokenCount=_tokens, ours=_texts)
_named = st.sampled_from([("status",), ("expiresAt",), ("tokenBudget", "userId"), ("ours",), ()])

_changes = st.builds(
    Change,
    _session_fields,
    _named,
    st.sampled_from([None, None, "", '{"strategy":"hybrid"}']),
    st.sampled_from([None, None, 1, 2, 3]),
    st.booleans(),
)
_wanted = st.builds(
    Wanted,
    user_id=st.none() | _texts,
    status=st.none() | _statuses,
    agent_id=st.none() | _texts,
    tags=st.sampled_from([(), (), ("x",), ("y", "z")]),
    created_after=st.none() | _moments,
    created_before=st.none() | _moments,
    by=st.sampled_from(["created", "activity"]),
    newest=st.booleans(),
    beyond=st.none() | st.tuples(_moments, _sessions),
    offset=st.integers(0, 3),
    limit=_counts,
)
_asked = st.builds(
    Asked,
    limit=_counts,
    offset=st.integers(0, 3),
    newest=st.booleans(),
    after=st.none() | _moments,
    before=st.none() | _moments,
    roles=st.sampled_from([(), (), ("user",), ("assistant", "system")]),
    id=st.sampled_from([None] * 12 + list(MESSAGES)),
)


def _with_id(fields: st.SearchStrategy[dict[str, str]], names: st.SearchStrategy[str]) -> Any:
    return st.builds(lambda name, told: {"id": name, **told}, names, fields)


_created = st.builds(
    lambda told, version: {**told, **version},
    _with_id(_session_fields, _sessions),
    _some(version=st.sampled_from(["1", "3", ""])),
)
_said = st.builds(
    lambda told, at: {**told, **at},
    _with_id(_message_fields, _messages),
    _some(createdAt=_dates),
)
_amending = _some(
    content=st.text(max_size=3),
    tokenCount=_tokens,
    role=_roles,
    id=_messages,
    sequence=st.just("9"),
)

_create = st.tuples(st.just("create"), _created, _terms)
_add = st.tuples(st.just("add"), _sessions, _said, _terms, st.sampled_from([None, 2, 8]))
_close = st.tuples(
    st.just("change"), _sessions, st.just(Change({"status": "completed"})), st.just(Terms())
)
_tick = st.tuples(st.just("tick"), st.sampled_from([0, 1, 100, 400, 400, 1600]))
STEPS = st.one_of(
    _create,
    _create,
    _add,
    _add,
    _add,
    st.tuples(st.just("change"), _sessions, _changes, _terms),
    _close,
    st.tuples(st.just("remove"), _sessions, st.none() | _moments),
    st.tuples(st.just("select"), _wanted),
    st.tuples(st.just("messages"), _sessions, _asked),
    st.tuples(st.just("amend"), _sessions, _messages, _amending, _named, _terms),
    st.tuples(st.just("discard"), _sessions, _messages, _terms),
    st.tuples(st.just("discard_all"), _sessions, _terms),
    st.tuples(st.just("expired"), st.none() | _moments),
    _tick,
)
_BEGUN: dict[str, dict[str, str]] = {"a": {"tokenBudget": BUDGETS[0]}, "b": {}}
_BEGINNING = st.tuples(
    *(
        st.tuples(st.just("create"), st.just({"id": name, "status": "active", **told}), _terms)
        for name, told in _BEGUN.items()
    ),
    *(st.tuples(st.just("add"), st.just(name), _said, _terms, st.none()) for name in "aaab"),
)
PROGRAMS = st.builds(
    lambda beginning, others: [*beginning, *others],
    _BEGINNING,
    st.lists(STEPS, min_size=15, max_size=50),
)


class Beside:
    """Rooms that stand on one place, and another room that they are held against: what one of
    them does, the next one sees."""

    def __init__(self, clock: Clock, measure: Any, rooms: Sequence[Any]) -> None:
        self.seen: Counter[str] = Counter()
        self._clock = clock
        self._measure = measure
        self._rooms = rooms
        self._done = 0
        self._versions: dict[str, tuple[str, int]] = {}

    def run(self, step: Step) -> None:
        """Do a step in both, and hold them against each other."""
        name, *given = step
        if name == "tick":
            self._clock.tick(given[0] / 1000)
        else:
            self._done += 1
            room = self._rooms[self._done % len(self._rooms)]
            answer = getattr(self._measure, name)(*given)
            assert getattr(room, name)(*given) == answer, step
            self.seen[f"{name}: {_outcome(name, answer)}"] += 1
            if name == "change" and answer.outcome == "done" and not given[1].quiet:
                made, version = self._versions[given[0]]
                self._versions[given[0]] = made, version + 1
        for session_id in SESSIONS:
            self.check(session_id, step)

    def check(self, session_id: str, step: Step) -> None:
        """Both know the same of a session, and its counters and its version are what they are."""
        held: Held | None = self._measure.find(session_id)
        said: Sequence[Fields] = self._measure.messages(session_id, EVERYTHING)
        other = self._rooms[(self._done + 1) % len(self._rooms)]
        assert other.find(session_id) == held, step
        assert other.messages(session_id, EVERYTHING) == said, step
        if held is None:
            assert not said
            self._versions.pop(session_id, None)
            return
        assert held.messages == len(said)
        assert held.tokens == sum(map(tokens_of, said))
        numbers = [int(one["sequence"]) for one in said]
        assert numbers == sorted(set(numbers))
        assert {one["sessionId"] for one in said} <= {session_id}
        version = int(held.fields["version"] or "1")
        if step[0] == "create" and step[1]["id"] == session_id:
            self._versions.setdefault(session_id, ("", version))
        assert self._versions[session_id][1] == version


def _outcome(name: str, answer: Any) -> str:
    return answer.outcome if name in ("add", "amend", "change", "discard") else str(bool(answer))


_T = Terms()
ROUND: Final[list[Any]] = [
    ("create", {"id": "a", "status": "active", "userId": "u", "tokenBudget": BUDGETS[0]}, _T),
    ("create", {"id": "a"}, _T),
    ("create", {"id": "b", "status": "active"}, _T),
    ("create", {"id": "B", "status": "active", "expiresAt": iso(START - 1)}, _T),
    ("add", "a", {"id": "m0", "tokenCount": "7"}, _T, None),
    ("add", "a", {"id": "m0", "tokenCount": "7"}, _T, None),
    ("add", "a", {"id": "m1", "tokenCount": "7"}, _T, None),
    ("add", "b", {"id": "m0"}, _T, None),
    ("add", "b", {"id": "m2"}, _T, None),
    ("add", SESSIONS[3], {"id": "m3"}, _T, None),
    ("select", Wanted(user_id="u")),
    ("messages", "a", Asked()),
    ("amend", "a", "m0", {"content": "x"}, (), _T),
    ("amend", "a", "m5", {"content": "x"}, (), _T),
    ("change", "a", Change(expected=9), _T),
    ("change", SESSIONS[3], Change(), _T),
    ("change", "b", Change({"status": "completed"}), _T),
    ("change", "b", Change({"status": "active"}), _T),
    ("add", "b", {"id": "m3"}, _T, None),
    ("amend", "b", "m2", {"content": "y"}, (), _T),
    ("discard", "b", "m2", _T),
    ("discard", "b", "m2", _T),
    ("discard_all", "a", _T),
    ("expired", None),
    ("remove", "a", None),
    ("remove", "a", None),
]
"""A program that meets everything which a step may come to."""
