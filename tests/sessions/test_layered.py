"""Sessions over stores that make something else of what they keep."""

from __future__ import annotations

import json
from typing import Any

import pytest

from storage import ConflictError, CorruptValueError, LeaseTimeoutError
from storage.testing.threads import crowd
from tests.fault.ground import SECRET
from tests.layers.ground import kept, plant
from tests.sessions.ground import Ground
from tests.sessions.kinds import DataVisit

HOUR = 3600.0
OLD, NEW = b"o" * 32, b"n" * 32


def renamed(data: Any) -> Any:
    return {**{name: part for name, part in data.items() if name != "old"}, "n": data["old"]}


def enhanced(half: Any, base: Any, clock: Any) -> Any:
    return half.enhance_storage(base, migrations={1: renamed}, clock=clock)


def precise(half: Any, base: Any, clock: Any) -> Any:
    return half.enhance_storage(
        base, migrations={1: renamed}, clock=clock, millisecond_precision=True
    )


def folded(half: Any, base: Any, clock: Any) -> Any:
    """All of them, in the order in which they go over each other."""
    return enhanced(half, half.compressed(half.encrypted(base, OLD), over=16), clock)


LAYERS: dict[str, Any] = {
    "enhanced": enhanced,
    "precise": precise,
    "compressed": lambda half, base, clock: half.compressed(base, over=16),
    "encrypted": lambda half, base, clock: half.encrypted(base, OLD),
    "folded": folded,
}


@pytest.fixture(params=LAYERS)
def store(request: pytest.FixtureRequest, lasting: Ground) -> Any:
    return LAYERS[request.param](lasting.half, lasting.place.base, lasting.clock)


def counted(sessions: Any) -> int:
    with sessions.open("k") as session:
        session["n"] = session.get("n", 0) + 1
        number: int = session["n"]
    return number


def test_sessions_are_the_same_over_every_layer(lasting: Ground, store: Any) -> None:
    sessions = lasting.sessions(store, ttl=HOUR, wait=0)
    assert [counted(sessions) for _ in range(3)] == [1, 2, 3]
    with sessions.open("k"), pytest.raises(LeaseTimeoutError):
        crowd([lambda: counted(sessions)])
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["n"] = 9
        raise LookupError

    assert sessions.get("k") == {"n": 3}
    assert dict(sessions.items()) == {"k": {"n": 3}}
    assert lasting.plain(store).get("k") == {"n": 3}
    lasting.clock.tick(HOUR / 2)
    with sessions.open("k"):
        pass
    lasting.clock.tick(HOUR - 1)
    assert sessions.get("k") == {"n": 3}
    lasting.pass_by(1)
    assert sessions.get("k") is None
    assert sessions.delete("k") is False


def test_controls_work_over_every_layer(lasting: Ground, store: Any) -> None:
    sessions = lasting.sessions(store)
    opened = sessions.open("k")
    with opened as session:
        session["a"] = "x" * 50
        opened.save()
        session["b"] = 1
        opened.expire("b", 60)
    assert sessions.get("k") == {"a": "x" * 50, "b": 1}
    with opened as session:
        del session["a"]
        opened.discard()
    assert sessions.get("k") == {"a": "x" * 50, "b": 1}
    with opened:
        opened.clear()
    assert sessions.get("k") is None
    assert lasting.text() is None


def test_changes_are_merged_over_every_layer(lasting: Ground, store: Any) -> None:
    sessions, plain = lasting.sessions(store, lock=False), lasting.plain(store)
    with sessions.open("k") as one, sessions.open("k") as other:
        one["a"] = 1
        other["b"] = 2
    assert plain.get("k") == {"b": 2, "a": 1}

    with pytest.raises(ConflictError), sessions.open("k") as session:  # noqa: PT012
        session["a"] = 5
        plain.set("k", {"a": 6})
    assert plain.get("k") == {"a": 6}


def test_the_lifetime_that_a_session_has_stays_where_none_is_asked_for(
    lasting: Ground, store: Any
) -> None:
    sessions, plain = lasting.sessions(store, ttl=None), lasting.plain(store)
    plain.set("k", {"n": 1}, ttl=60)
    end = plain.expires_at("k")
    opened = sessions.open("k")
    with opened as session:
        session["n"] = 2
        opened.save()
        assert plain.expires_at("k") == end
        session["n"] = 3
        opened.save()
        session["n"] = 4

    assert plain.get("k") == {"n": 4}
    assert plain.expires_at("k") == end


@pytest.mark.parametrize("layer", ["enhanced", "precise"])
def test_an_older_session_is_migrated_and_written_when_it_is_changed(
    lasting: Ground, layer: str
) -> None:
    lasting.plant({"old": 5})
    store = LAYERS[layer](lasting.half, lasting.place.base, lasting.clock)
    sessions = lasting.sessions(store)
    assert sessions.get("k") == {"n": 5}
    with sessions.open("k") as session:
        assert session == {"n": 5}
    assert counted(sessions) == 6

    assert lasting.kept() == {"__v": 1, "data": {"n": 6}}


def test_a_migration_takes_the_lifetimes_of_members_along(lasting: Ground) -> None:
    mark = {"t": 60_000, "at": lasting.clock.ms}
    lasting.plant({"old": 5, "code": "x", "__ttl": {"code": mark}})
    sessions = lasting.sessions(enhanced(lasting.half, lasting.place.base, lasting.clock))
    counted(sessions)

    assert lasting.kept()["data"] == {"n": 6, "code": "x", "__ttl": {"code": mark}}


def test_nobody_reads_an_encrypted_session(memory: Ground) -> None:
    lasting, half, base = memory, memory.half, memory.place.base
    sessions = lasting.sessions(half.encrypted(base, OLD))
    with sessions.open("k") as session:
        session[SECRET] = SECRET
    assert SECRET.encode() not in kept(base, lasting.name())
    with pytest.raises(CorruptValueError):
        lasting.sessions(half.encrypted(base, NEW)).open("k").begin()

    both = lasting.sessions(half.encrypted(base, [NEW, OLD]))
    with both.open("k") as session:
        session["a"] = 1
    assert lasting.sessions(half.encrypted(base, NEW)).get("k") == {SECRET: SECRET, "a": 1}


def test_a_session_that_was_moved_to_another_key_is_refused(memory: Ground) -> None:
    base = memory.place.base
    sessions = memory.sessions(memory.half.encrypted(base, OLD))
    counted(sessions)
    plant(base, kept(base, memory.name()), memory.name("other"))
    with pytest.raises(CorruptValueError):
        sessions.open("other").begin()


@pytest.mark.parametrize("layer", LAYERS)
def test_sessions_of_a_type_go_over_every_layer(memory: Ground, layer: str) -> None:
    store = LAYERS[layer](memory.half, memory.place.base, memory.clock)
    for sessions in (
        memory.sessions(store, initial=DataVisit),
        memory.sessions(store.typed(DataVisit), initial=DataVisit),
    ):
        with sessions.open("k") as session:
            session.step += 1
    assert sessions.get("k") == DataVisit(2)
    assert memory.sessions(store).get("k") == {"step": 2, "code": "", "tags": []}


def test_an_enhanced_store_migrates_what_a_type_reads(memory: Ground) -> None:
    memory.plant({"step": "3"})
    store = memory.half.enhance_storage(
        memory.place.base, migrations={1: lambda data: {"step": int(data["step"])}}
    )
    with memory.sessions(store, initial=DataVisit).open("k") as session:
        assert session == DataVisit(3)
        session.code = "x"
    assert json.loads(memory.text() or "")["data"]["step"] == 3


def test_members_survive_who_knows_an_older_type(memory: Ground) -> None:
    store = enhanced(memory.half, memory.half.encrypted(memory.place.base, OLD), memory.clock)
    memory.plain(store).set("k", {"step": 1, "more": [1]})
    with memory.sessions(store, initial=DataVisit).open("k") as session:
        session.step = 2
    assert memory.plain(store).get("k")["more"] == [1]
