"""What becomes of a session that somebody else changed while a handler worked on it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import MISSING, ConflictError, MismatchError, UnstorableError
from storage.core.session import Contents, Mark, brought_together
from tests.sessions.ground import Ground
from tests.sessions.kinds import DataVisit

WAYS: list[dict[str, Any]] = [{}, {"lock": False}]


@pytest.fixture(params=WAYS, ids=["turns", "no turns"])
def options(request: pytest.FixtureRequest) -> Any:
    """With turns, who comes between knows nothing of them: `store.set`, or a bot on Node.js."""
    return request.param


def test_members_that_only_one_changed_are_all_kept(ground: Ground, options: Any) -> None:
    ground.plant({"a": 0, "b": 0, "c": 0, "d": 0})
    opened = ground.sessions(**options).open("k")
    with opened as session:
        session["a"] = 1
        del session["b"]
        session["e"] = 1
        ground.plant({"a": 0, "b": 0, "c": 2, "f": 2})

    assert ground.kept() == {"a": 1, "c": 2, "f": 2, "e": 1}


def test_what_two_begin_at_once_is_one_session(ground: Ground) -> None:
    sessions = ground.sessions(lock=False, initial=lambda: {"a": 0, "b": 0})
    with sessions.open("k") as one, sessions.open("k") as other:
        one["a"] = 1
        other["b"] = 2

    assert ground.kept() == {"a": 1, "b": 2}


def test_a_change_deep_inside_is_one_of_the_whole_member(ground: Ground) -> None:
    ground.plant({"a": {"x": 0, "y": 0}, "b": [1]})
    opened = ground.sessions(lock=False).open("k")
    session = opened.begin()
    session["a"]["x"] = 1
    session["b"].append(2)
    ground.plant({"a": {"x": 0, "y": 2}, "b": [0, 1]})
    with pytest.raises(ConflictError, match="somebody else changed 'a', 'b' too") as caught:
        opened.end()

    assert caught.value.key == "k"
    assert ground.kept() == {"a": {"x": 0, "y": 2}, "b": [0, 1]}


def test_what_both_changed_is_refused_and_theirs_stays(ground: Ground, options: Any) -> None:
    ground.plant({"a": 0, "b": 0})
    sessions = ground.sessions(wait=0, **options)
    theirs = {"a": 2, "b": 2}
    with pytest.raises(ConflictError), sessions.open("k") as session:  # noqa: PT012
        session["a"] = 1
        ground.plant(theirs)
    assert ground.kept() == theirs
    with sessions.open("k") as session:
        assert session == theirs


POLICIES: dict[str, tuple[Any, Any]] = {
    "ours": ("ours", {"a": 1, "b": 1, "c": 2, "e": 1}),
    "theirs": ("theirs", {"a": 2, "c": 2, "d": 2, "e": 1}),
    "sum": (
        lambda member, ours, theirs: [member, ours is MISSING, theirs is MISSING],
        {
            "a": ["a", False, False],
            "b": ["b", False, True],
            "c": 2,
            "d": ["d", True, False],
            "e": 1,
        },
    ),
    "none": (lambda member, ours, theirs: MISSING, {"c": 2, "e": 1}),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_who_decides_what_both_changed(ground: Ground, options: Any, policy: str) -> None:
    """`a` is set by both, `b` set here and removed there, `d` the other way about."""
    chosen, expected = POLICIES[policy]
    ground.plant({"a": 0, "b": 0, "c": 0, "d": 0})
    with ground.sessions(on_conflict=chosen, **options).open("k") as session:
        session.update(a=1, b=1, e=1)
        del session["d"]
        ground.plant({"a": 2, "c": 2, "d": 2})

    assert ground.kept() == expected


def test_a_decision_that_can_not_be_stored_is_refused(memory: Ground) -> None:
    memory.plant({"a": 0})
    sessions = memory.sessions(on_conflict=lambda *_: {1}, wait=0)
    with pytest.raises(UnstorableError, match=r"\$\.a"), sessions.open("k") as session:  # noqa: PT012
        session["a"] = 1
        memory.plant({"a": 2})
    with sessions.open("k") as session:
        assert session == {"a": 2}


def test_a_decision_that_fails_lets_the_next_one_come(memory: Ground) -> None:
    def decide(*_: object) -> None:
        raise LookupError

    memory.plant({"a": 0})
    sessions = memory.sessions(on_conflict=decide, wait=0)
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["a"] = 1
        memory.plant({"a": 2})
    with sessions.open("k") as session:
        assert session == {"a": 2}


def test_a_session_that_was_removed_meanwhile_is_a_conflict(ground: Ground, options: Any) -> None:
    for policy, expected in (("ours", {"a": 1, "b": 0}), ("theirs", None), ("raise", None)):
        ground.plant({"a": 0, "b": 0})
        opened = ground.sessions(on_conflict=policy, **options).open("k")
        session = opened.begin()
        session["a"] = 1
        ground.drop()
        if policy == "raise":
            with pytest.raises(ConflictError, match="removed it meanwhile"):
                opened.end()
        else:
            opened.end()
        assert ground.kept() == expected


def test_a_removed_session_that_nobody_changed_stays_removed(ground: Ground, options: Any) -> None:
    ground.plant({"a": 0})
    with ground.sessions(**options).open("k"):
        ground.drop()
    assert ground.kept() is None


def test_a_session_that_was_cleared_and_changed_meanwhile_is_a_conflict(
    ground: Ground, options: Any
) -> None:
    for policy, expected in (("ours", None), ("theirs", {"a": 2}), ("raise", {"a": 2})):
        ground.plant({"a": 0})
        opened = ground.sessions(on_conflict=policy, **options).open("k")
        opened.begin()
        opened.clear()
        ground.plant({"a": 2})
        if policy == "raise":
            with pytest.raises(ConflictError, match="changed it meanwhile"):
                opened.end()
        else:
            opened.end()
        assert ground.kept() == expected


def test_who_gives_way_does_not_come_back_at_the_end(memory: Ground) -> None:
    for theirs in (None, {"a": 2}):
        memory.plant({"a": 0})
        opened = memory.sessions(on_conflict="theirs", initial=lambda: {"new": 1}).open("k")
        with opened as session:
            if theirs is None:
                session["a"] = 1
                memory.drop()
            else:
                opened.clear()
                memory.plant(theirs)
            opened.save()
            assert session == (theirs or {"new": 1})
        assert memory.kept() == theirs


def test_what_nobody_works_on_is_not_brought_back_by_who_only_read_it(ground: Ground) -> None:
    ground.plant({"a": 0})
    with ground.sessions(lock=False).open("k"):
        ground.plant({"a": 2})

    assert ground.kept() == {"a": 2}


def test_to_save_shows_what_others_changed(ground: Ground, options: Any) -> None:
    ground.plant({"a": 0, "b": 0})
    opened = ground.sessions(**options).open("k")
    with opened as session:
        session["a"] = 1
        ground.plant({"a": 0, "b": 2})
        opened.save()
        assert session == {"a": 1, "b": 2}
        ground.plant({"a": 1, "b": 3})
        session["a"] = 4

    assert ground.kept() == {"a": 4, "b": 3}


def test_the_lifetime_of_a_member_goes_with_its_change(memory: Ground) -> None:
    now = memory.clock.ms
    memory.plant({"a": 0, "b": 0})
    opened = memory.sessions(lock=False).open("k")
    with opened as session:
        opened.expire("a", 5)
        session["c"] = 1
        opened.expire("c", 6)
        memory.plant({"a": 0, "b": 1, "__ttl": {"b": {"t": 7, "at": now}}})

    assert memory.kept() == {
        "a": 0,
        "b": 1,
        "c": 1,
        "__ttl": {
            "b": {"t": 7, "at": now},
            "a": {"t": 5000, "at": now},
            "c": {"t": 6000, "at": now},
        },
    }


def test_a_lifetime_that_both_gave_is_a_conflict(memory: Ground) -> None:
    now = memory.clock.ms
    memory.plant({"a": 0})
    opened = memory.sessions(lock=False).open("k")
    with pytest.raises(ConflictError, match="'a'"), opened:  # noqa: PT012
        opened.expire("a", 5)
        memory.plant({"a": 0, "__ttl": {"a": {"t": 7, "at": now}}})


def test_the_end_of_a_session_is_that_which_is_there(memory: Ground) -> None:
    end = memory.clock.ms + 5000
    sessions = memory.sessions(lock=False, max_age=100)
    with sessions.open("k") as session:
        session["a"] = 1
        memory.plant({"b": 1, "__ends": end})

    assert memory.kept() == {"b": 1, "a": 1, "__ends": end}
    assert memory.left() == 5


def test_a_member_with_a_default_is_not_changed_by_who_does_not_touch_it(memory: Ground) -> None:
    """An older record does not have it yet."""
    memory.plant({"step": 1})
    sessions = memory.sessions(initial=DataVisit, lock=False)
    with sessions.open("k") as session:
        session.step = 2
        memory.plant({"step": 1, "code": "theirs"})
    assert sessions.get("k") == DataVisit(2, "theirs")

    memory.plant({"step": 1})
    with sessions.open("k") as session:
        session.code = "ours"
        memory.plant('{"step": 1, "tags": ["new"]}')
    assert sessions.get("k") == DataVisit(1, "ours", ["new"])


def test_what_somebody_put_there_that_is_no_session_is_refused_and_stays(ground: Ground) -> None:
    ground.plant({"a": 0})
    opened = ground.sessions(lock=False).open("k")
    opened.begin()["a"] = 1
    ground.plant([1])
    with pytest.raises(MismatchError, match="a session is an object"):
        opened.end()
    assert ground.kept() == [1]


def test_no_change_is_lost_between_many_who_do_not_wait(ground: Ground) -> None:
    """Each begins before any of them ends."""
    sessions = ground.sessions(lock=False)
    opened = [sessions.open("k") for _ in range(10)]
    for number, one in enumerate(opened):
        one.begin()[f"{number}"] = number
    for one in opened:
        one.end()

    assert ground.kept() == {f"{number}": number for number in range(10)}


NAMES = st.sampled_from("abcdef")
MEMBERS = st.dictionaries(NAMES, st.integers(0, 2))
MARKS = st.dictionaries(NAMES, st.builds(Mark, st.integers(1, 2), st.just(0)))


@st.composite
def contents(draw: Any) -> Contents:
    members = draw(MEMBERS)
    marks = {name: mark for name, mark in draw(MARKS).items() if name in members}
    return Contents(members, marks, draw(st.none() | st.integers(1, 3)))


def changes(before: Contents, after: Contents) -> dict[str, Any]:
    """What leads from one to the other: for each member that differs, what it has become."""
    names = {*before.members, *after.members}
    pairs = {name: (_pair(before, name), _pair(after, name)) for name in names}
    return {name: new for name, (old, new) in pairs.items() if old != new}


def applied(to: Contents, change: dict[str, Any]) -> dict[str, Any]:
    pairs = {name: _pair(to, name) for name in to.members}
    pairs.update(change)
    return {name: pair for name, pair in pairs.items() if pair is not None}


def pairs_of(contents: Contents) -> dict[str, Any]:
    return applied(contents, {})


def _pair(contents: Contents, name: str) -> Any:
    if name not in contents.members:
        return None
    return contents.members[name], contents.marks.get(name)


@given(contents(), contents(), contents())
def test_merging_is_one_change_after_the_other(
    base: Contents, ours: Contents, theirs: Contents
) -> None:
    """Wherever they do not touch the same member in two ways; the clash is told."""
    mine, others = changes(base, ours), changes(base, theirs)
    both = sorted(name for name in mine if name in others and mine[name] != others[name])
    result, clashes = brought_together(base, ours, theirs, "raise")

    assert sorted(clashes) == both
    if not both:
        assert pairs_of(result) == applied(theirs, mine)
        assert pairs_of(result) == applied(ours, others)
        assert result.ends == (ours.ends if theirs.ends is None else theirs.ends)


@given(contents(), contents(), contents())
def test_every_policy_keeps_what_is_no_conflict_and_decides_what_is(
    base: Contents, ours: Contents, theirs: Contents
) -> None:
    mine, others = changes(base, ours), changes(base, theirs)
    alone = {name: new for name, new in mine.items() if name not in others}
    for policy, expected in (
        ("ours", applied(theirs, mine)),
        ("theirs", applied(theirs, alone)),
    ):
        result, clashes = brought_together(base, ours, theirs, policy)  # type: ignore[arg-type]
        assert clashes == []
        assert pairs_of(result) == expected


@given(contents(), contents())
def test_merging_with_who_changed_nothing_changes_nothing(base: Contents, other: Contents) -> None:
    for ours, theirs in ((base, other), (other, base), (other, other)):
        result, clashes = brought_together(base, ours, theirs, "raise")
        assert clashes == []
        assert pairs_of(result) == pairs_of(other)
