"""What a handler can do with its session, whatever type that is of."""

from __future__ import annotations

from typing import Any

import pytest

from storage import (
    ConflictError,
    MismatchError,
    UnstorableError,
    UnsupportedError,
    WrongTypeError,
)
from storage.core.layouts import GRAMIO
from storage.testing.threads import crowd
from tests.sessions.ground import Ground
from tests.sessions.kinds import KINDS, OBJECTS, DataVisit, DictVisit, made, options, part, put


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def sessions(memory: Ground, kind: Any) -> Any:
    return memory.sessions(**options(kind))


def test_a_session_is_of_its_type(memory: Ground, sessions: Any, kind: Any) -> None:
    base = dict if kind is DictVisit else kind
    with sessions.open("k") as session:
        assert type(session) is base
        put(session, "step", 1)
        put(session, "tags", ["new"])
    with sessions.open("k") as session:
        assert type(session) is base
        part(session, "tags").append("old")
    stored = sessions.get("k")

    assert type(stored) is base
    assert (part(stored, "step"), part(stored, "tags")) == (1, ["new", "old"])
    assert memory.kept()["tags"] == ["new", "old"]


def test_an_untouched_session_of_a_type_is_not_stored(memory: Ground, sessions: Any) -> None:
    with sessions.open("k"):
        pass
    assert memory.kept() is None

    spaced = '{ "step": 0 }'
    memory.plant(spaced)
    with sessions.open("k"):
        pass
    assert memory.text() == spaced


def test_to_clear_and_do_nothing_more_takes_the_session_away(memory: Ground, sessions: Any) -> None:
    memory.plant({"step": 5})
    with sessions.open("k") as session:
        assert part(session, "step") == 5
    opened = sessions.open("k")
    with opened:
        opened.clear()
        assert part(opened.value, "step") == 0

    assert memory.kept() is None
    with sessions.open("k") as session:
        assert part(session, "step") == 0


def test_a_session_that_is_cleared_and_changed_is_begun_anew(memory: Ground, sessions: Any) -> None:
    memory.plant({"step": 5, "code": "x"})
    opened = sessions.open("k")
    with opened:
        opened.clear()
        put(opened.value, "step", 1)

    kept = memory.kept()
    assert (kept["step"], kept.get("code", "")) == (1, "")


def test_a_change_before_clearing_is_cleared_too(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 5)
        opened.clear()
    assert memory.kept() is None


def test_to_replace_puts_another_value_there(memory: Ground, sessions: Any, kind: Any) -> None:
    memory.plant({"step": 5, "code": "x"})
    opened = sessions.open("k")
    with opened:
        opened.replace(made(kind, step=9))
        assert part(opened.value, "step") == 9
        put(opened.value, "tags", ["new"])

    kept = memory.kept()
    assert (kept["step"], kept.get("code", ""), kept["tags"]) == (9, "", ["new"])


def test_to_discard_goes_back_to_what_is_stored(memory: Ground, sessions: Any) -> None:
    memory.plant({"step": 5})
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 6)
        opened.discard()
        assert part(opened.value, "step") == 5
        put(opened.value, "code", "x")
    assert (memory.kept()["step"], memory.kept()["code"]) == (5, "x")

    with opened:
        opened.clear()
        opened.discard()
        assert part(opened.value, "step") == 5
    assert memory.kept()["step"] == 5


def test_to_discard_what_is_new_goes_back_to_the_beginning(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 6)
        opened.discard()
        assert part(opened.value, "step") == 0
    assert memory.kept() is None


def test_what_is_saved_in_the_middle_stays_whatever_comes(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with pytest.raises(LookupError), opened as session:  # noqa: PT012
        put(session, "step", 1)
        opened.save()
        assert memory.kept()["step"] == 1
        assert not opened.is_new
        put(opened.value, "step", 2)
        raise LookupError

    assert memory.kept()["step"] == 1


def test_to_discard_goes_back_to_what_was_saved(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 1)
        opened.save()
        put(opened.value, "step", 2)
        opened.discard()
        assert part(opened.value, "step") == 1
        put(opened.value, "code", "x")

    assert (memory.kept()["step"], memory.kept()["code"]) == (1, "x")


def test_after_clearing_and_saving_there_is_nothing_to_go_back_to(
    memory: Ground, sessions: Any
) -> None:
    memory.plant({"step": 5})
    opened = sessions.open("k")
    with opened:
        opened.clear()
        opened.save()
        assert memory.kept() is None
        assert opened.is_new
        put(opened.value, "step", 6)
        opened.discard()
        assert part(opened.value, "step") == 0
        put(opened.value, "code", "x")

    assert (memory.kept()["step"], memory.kept()["code"]) == (0, "x")


def test_to_save_takes_in_what_others_changed(memory: Ground, sessions: Any, kind: Any) -> None:
    memory.plant({"step": 5, "code": "x"})
    opened = sessions.open("k")
    with opened as session:
        memory.plant({"step": 6, "code": "x"})
        put(session, "tags", ["new"])
        opened.save()
        assert (part(opened.value, "step"), part(opened.value, "tags")) == (6, ["new"])
        put(opened.value, "code", "y")

    kept = memory.kept()
    assert (kept["step"], kept["code"], kept["tags"]) == (6, "y", ["new"])


def test_a_member_goes_away_when_it_is_told_to(memory: Ground, kind: Any) -> None:
    begun = {"initial": lambda: made(kind, step=0)}
    sessions = memory.sessions(kind=kind, **begun)
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 1)
        put(session, "code", "x")
        opened.expire("code", 60)
    record = memory.kept()
    assert record["__ttl"] == {"code": {"t": 60_000, "at": memory.clock.ms}}

    memory.clock.tick(60)
    assert part(sessions.get("k"), "code") == "x"
    memory.clock.tick(0.001)
    assert part(sessions.get("k"), "code", "") == ""
    assert part(sessions.get("k"), "step") == 1


def test_a_member_lives_on_where_its_lifetime_is_taken_away(memory: Ground, kind: Any) -> None:
    memory.plant({"step": 1, "code": "x", "__ttl": {"code": {"t": 1000, "at": memory.clock.ms}}})
    opened = memory.sessions(**options(kind)).open("k")
    with opened:
        opened.expire("code", None)

    assert "__ttl" not in memory.kept()
    assert memory.kept()["code"] == "x"


def test_the_lifetimes_of_members_go_with_what_is_replaced_or_cleared(memory: Ground) -> None:
    marked = {"code": "x", "__ttl": {"code": {"t": 1000, "at": memory.clock.ms}}}
    for control in ("replace", "clear"):
        memory.plant(marked)
        opened = memory.sessions().open("k")
        with opened:
            getattr(opened, control)(*([{}] if control == "replace" else []))
            opened.value["code"] = "y"
        assert memory.kept() == {"code": "y"}

    memory.plant(marked)
    with opened:
        opened.replace({"code": "z"})
        opened.discard()
        opened.value["n"] = 1
    assert memory.kept() == {"n": 1, **marked}


def test_a_member_that_is_not_there_can_not_end(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with opened:
        with pytest.raises(KeyError):
            opened.expire("nothing", 5)
        for ttl, error in ((0, ValueError), (-1, ValueError), (True, ValueError), ("5", TypeError)):
            with pytest.raises(error):
                opened.expire("step", ttl)
    assert memory.kept() is None


@pytest.mark.parametrize("required", [DictVisit])
def test_a_member_that_has_to_be_there_can_not_end_before_the_rest(
    memory: Ground, required: Any
) -> None:
    opened = memory.sessions(**options(required)).open("k")
    with opened, pytest.raises(ValueError, match="'step' has no default"):
        opened.expire("step", 5)


def test_a_dict_stays_the_same_object_under_all_controls(ground: Ground) -> None:
    ground.plant({"a": 1})
    opened = ground.sessions(initial=lambda: {"b": 2}).open("k")
    with opened as session:
        for control, expected in (
            (opened.clear, {"b": 2}),
            (lambda: opened.replace({"c": 3}), {"c": 3}),
            (opened.discard, {"a": 1}),
        ):
            control()
            assert session == expected
            assert opened.value is session
        session["d"] = 4
        opened.save()
        assert opened.value is session

    assert ground.kept() == {"a": 1, "d": 4}


def test_a_session_can_be_put_in_its_own_place(memory: Ground) -> None:
    opened = memory.sessions().open("k")
    with opened as session:
        session["a"] = 1
        opened.replace(session)
        assert session == {"a": 1}
    assert memory.kept() == {"a": 1}


def test_to_save_twice_writes_once(memory: Ground) -> None:
    opened = memory.sessions().open("k")
    with opened as session:
        session["a"] = 1
        opened.save()
        spaced = '{ "a": 1 }'
        memory.plant(spaced)
        opened.save()

    assert memory.text() == spaced


def test_saving_gives_nobody_else_a_turn(memory: Ground) -> None:
    sessions = memory.sessions(wait=0)
    opened = sessions.open("k")
    with opened as session:
        session["a"] = 1
        opened.save()
        assert not opened.lost

        def come() -> None:
            with memory.sessions(wait=0).open("k"):
                pytest.fail("it is open")

        with pytest.raises(memory.half.LeaseTimeoutError):
            crowd([come])


def test_what_can_not_be_stored_is_refused_when_it_is_saved(memory: Ground, sessions: Any) -> None:
    opened = sessions.open("k")
    with opened as session:
        put(session, "tags", [{1, 2}])
        with pytest.raises(UnstorableError, match=r"\$\.tags\[0\]"):
            opened.save()
        put(session, "tags", ["fine"])

    assert memory.kept()["tags"] == ["fine"]


def test_what_is_put_in_the_place_has_to_be_of_the_type(memory: Ground) -> None:
    plain, typed = memory.sessions(), memory.sessions(initial=DataVisit)
    for sessions, wrong in ((plain, [1]), (plain, DataVisit()), (typed, {"step": 1})):
        opened = sessions.open("k")
        with pytest.raises((WrongTypeError, UnstorableError)), opened:
            opened.replace(wrong)
        assert memory.kept() is None
        with opened:
            pass


@pytest.mark.parametrize("kind", OBJECTS, ids=lambda kind: kind.__name__)
def test_members_that_a_type_does_not_know_stay(memory: Ground, kind: Any) -> None:
    memory.plant({"step": 1, "more": {"n": [1]}})
    sessions = memory.sessions(initial=kind)
    opened = sessions.open("k")
    with opened as session:
        put(session, "step", 2)
        opened.save()
        opened.expire("step", 60)
    with sessions.open("k") as session:
        put(session, "step", 3)

    assert (memory.kept()["step"], memory.kept()["more"]) == (3, {"n": [1]})


def test_what_others_made_of_it_has_to_go_with_the_type(memory: Ground) -> None:
    memory.plant({"step": 1})
    opened = memory.sessions(initial=DataVisit).open("k")
    opened.begin().code = "x"
    memory.plant({"step": "one"})
    with pytest.raises(ConflictError, match="does not go with our changes"):
        opened.end()
    assert memory.kept() == {"step": "one"}


def test_what_is_stored_has_to_be_of_the_type(memory: Ground) -> None:
    memory.plant({"step": "one"})
    sessions = memory.sessions(initial=DataVisit, wait=0)
    for _ in range(2):
        with pytest.raises(MismatchError, match=r"\$\.step"), sessions.open("k"):
            pytest.fail("it can not be read")
    with pytest.raises(MismatchError):
        sessions.get("k")


def test_a_typed_store_has_typed_sessions(memory: Ground) -> None:
    store = memory.place.base.typed(DataVisit)
    sessions = memory.sessions(store, initial=DataVisit)
    with sessions.open("k") as session:
        session.step = 3
    with memory.sessions(store, initial=lambda: DataVisit(7)).open("other") as session:
        assert session == DataVisit(7)

    assert sessions.get("k") == DataVisit(3)
    assert dict(sessions.items()) == {"k": DataVisit(3)}


def test_a_type_without_members_is_refused(memory: Ground) -> None:
    sessions = memory.sessions(kind=list[int], initial=list)
    with pytest.raises(WrongTypeError, match="has members"), sessions.open("k"):
        pytest.fail("it has no members")


def test_a_store_of_another_layout_has_no_place_for_lifetimes(memory: Ground) -> None:
    """Its records are the value and nothing besides."""

    class Bare(memory.half.Sessions):  # type: ignore[name-defined, misc]
        _layout = GRAMIO

    opened = memory.bridge.driven(Bare(memory.place.base)).open("k")
    with opened as session:
        session["__ttl"] = 5
        with pytest.raises(UnsupportedError, match="no place for the lifetime"):
            opened.expire("__ttl", 5)
    assert memory.kept() == {"__ttl": 5}
