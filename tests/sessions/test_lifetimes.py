"""How long a session lasts: unused, at all, and member by member."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from storage import UnsupportedError
from tests.sessions.ground import Ground

HOUR = 3600.0

SLACK_MS = 500
"""What may pass between two looks at a server, whose moments are reckoned from the first."""


def about(number: float) -> Any:
    """*number* as the clock of a server tells it: seconds, or milliseconds since 1970."""
    return pytest.approx(number, rel=0, abs=SLACK_MS if number > 10_000_000 else SLACK_MS / 1000)


def worked_on(sessions: Any, key: str = "k") -> dict[str, Any]:
    """The session as a handler finds it that counts."""
    with sessions.open(key) as session:
        found = dict(session)
        session["n"] = session.get("n", 0) + 1
    return found


def looked_at(sessions: Any, key: str = "k") -> dict[str, Any]:
    """The session as a handler finds it that only reads."""
    with sessions.open(key) as session:
        return dict(session)


def test_a_session_that_is_not_used_is_over(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=HOUR)
    worked_on(sessions)
    lasting.clock.tick(HOUR - 0.001)
    assert sessions.get("k") == {"n": 1}

    lasting.pass_by(0.001)
    assert sessions.get("k") is None
    assert sessions.inspect("k") is None
    assert list(sessions.keys()) == []
    assert sessions.count() == 0
    assert looked_at(sessions) == {}
    assert sessions.delete("k") is False


def test_a_session_that_is_used_lives_on(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=HOUR)
    worked_on(sessions)
    for use in (worked_on, looked_at) * 3:
        lasting.clock.tick(HOUR / 2)
        assert use(sessions)
        assert lasting.left() == HOUR


def test_who_only_reads_touches_once_in_a_tenth_of_the_time(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=1000)
    worked_on(sessions)
    for passed, left in ((99, 901), (1, 1000), (99, 901), (1, 1000)):
        lasting.clock.tick(passed)
        looked_at(sessions)
        assert lasting.left() == left


def test_a_touch_writes_nothing(lasting: Ground) -> None:
    spaced = '{ "n": 1 }'
    lasting.plant(spaced)
    looked_at(lasting.sessions(ttl=HOUR))

    assert lasting.text() == spaced
    assert lasting.left() == HOUR


def test_a_long_handler_that_only_reads_lets_the_session_live_on(clocked: Ground) -> None:
    lasting = clocked
    sessions = lasting.sessions(ttl=HOUR, lease=2 * HOUR)
    worked_on(sessions)
    with sessions.open("k"):
        lasting.clock.tick(HOUR / 2)

    assert lasting.left() == HOUR


def test_every_write_gives_the_whole_time(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=1000)
    worked_on(sessions)
    lasting.clock.tick(1)
    worked_on(sessions)
    assert lasting.left() == 1000

    opened = sessions.open("k")
    with opened as session:
        session["n"] = 0
        opened.save()
        assert lasting.left() == 1000
        lasting.clock.tick(1)
    assert lasting.left() == 999


def test_who_looks_past_the_sessions_lets_nothing_live_on(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=HOUR)
    worked_on(sessions)
    lasting.clock.tick(HOUR / 2)
    sessions.get("k")
    sessions.inspect("k")
    list(sessions.items())

    assert lasting.left() == HOUR / 2


def test_a_handler_that_fails_lets_the_session_live_on(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=HOUR)
    worked_on(sessions)
    lasting.clock.tick(HOUR / 2)
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["n"] = 5
        raise LookupError

    assert lasting.left() == HOUR
    assert lasting.kept() == {"n": 1}


def test_a_lifetime_may_be_a_timedelta(lasting: Ground) -> None:
    worked_on(lasting.sessions(ttl=timedelta(days=60)))
    assert lasting.left() == 60 * 24 * HOUR


def test_sessions_last_as_long_as_their_store_says(memory: Ground) -> None:
    half, clock = memory.half, memory.clock
    base = half.MemoryStorage(clock=clock, ttl=50)
    store = memory.bridge.driven(base)
    for options, left in (({}, 50), ({"ttl": 7}, 7), ({"ttl": None}, None)):
        key = f"{options}"
        worked_on(memory.sessions(base, **options), key)
        ends = store.namespace("sessions").expires_at(key)
        assert (ends and (ends - clock.now).total_seconds()) == left
    store.close()


def test_without_a_lifetime_a_session_stays(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=None)
    worked_on(sessions)
    assert lasting.left() is None
    lasting.clock.tick(timedelta(days=1000))

    assert looked_at(sessions) == {"n": 1}
    assert lasting.left() is None


def test_without_a_lifetime_an_end_that_others_gave_stays(lasting: Ground) -> None:
    sessions = lasting.sessions()
    lasting.plain().set("k", {"n": 1}, ttl=50)
    for use in (worked_on, looked_at):
        use(sessions)
        assert lasting.left() == 50


def test_a_session_that_lasted_for_ever_gets_a_lifetime_when_it_is_used(lasting: Ground) -> None:
    lasting.plant({"n": 1})
    looked_at(lasting.sessions(ttl=HOUR))

    assert lasting.left() == HOUR


def test_a_session_is_over_at_its_age_however_much_it_is_used(lasting: Ground) -> None:
    sessions = lasting.sessions(max_age=100)
    worked_on(sessions)
    end = lasting.kept()["__ends"]
    assert lasting.kept() == {"n": 1, "__ends": end}
    assert end == about(lasting.clock.ms + 100_000)
    for _ in range(9):
        lasting.clock.tick(10)
        worked_on(sessions)
        looked_at(sessions)
        assert lasting.kept()["__ends"] == end
        assert lasting.left() == about((end - lasting.clock.ms) / 1000)
    lasting.pass_by(10 + SLACK_MS / 1000)

    assert sessions.get("k") is None
    assert worked_on(sessions) == {}
    assert lasting.kept()["__ends"] == about(lasting.clock.ms + 100_000)


def test_a_session_that_may_be_idle_for_long_is_no_older_than_it_may_be(lasting: Ground) -> None:
    sessions = lasting.sessions(ttl=60, max_age=100)
    worked_on(sessions)
    for passed, left in ((30, 60), (20, 50), (49, 1)):
        lasting.clock.tick(passed)
        looked_at(sessions)
        assert lasting.left() == about(left)
    lasting.pass_by(1 + SLACK_MS / 1000)
    assert sessions.get("k") is None

    worked_on(sessions)
    lasting.pass_by(60)
    assert sessions.get("k") is None


def test_the_end_of_a_session_is_no_member_of_it(lasting: Ground) -> None:
    sessions = lasting.sessions(max_age=100)
    worked_on(sessions)

    assert sessions.get("k") == looked_at(sessions) == {"n": 1}
    assert dict(sessions.items()) == {"k": {"n": 1}}


def test_an_older_session_gets_an_end_when_it_is_opened(lasting: Ground) -> None:
    lasting.plant({"n": 1})
    looked_at(lasting.sessions(max_age=100))

    assert lasting.kept() == {"n": 1, "__ends": about(lasting.clock.ms + 100_000)}
    assert lasting.left() == about(100)


def test_a_session_keeps_its_end_where_none_is_asked_for_any_more(lasting: Ground) -> None:
    lasting.plant({"n": 1, "__ends": lasting.clock.ms + 5000})
    sessions = lasting.sessions(ttl=HOUR)
    worked_on(sessions)
    assert lasting.left() == about(5)

    lasting.plant({"n": 1, "__ends": lasting.clock.ms})
    assert sessions.get("k") is None
    assert sessions.inspect("k") is None
    assert list(sessions.items()) == []
    assert looked_at(sessions) == {}


def test_a_session_that_is_cleared_begins_to_age_anew(lasting: Ground) -> None:
    sessions = lasting.sessions(max_age=100)
    worked_on(sessions)
    lasting.clock.tick(50)
    opened = sessions.open("k")
    with opened as session:
        opened.clear()
        session["a"] = 1

    assert lasting.left() == about(100)


def test_a_session_that_is_over_while_it_is_open_is_not_stored(clocked: Ground) -> None:
    lasting = clocked
    sessions = lasting.sessions(max_age=100, lease=HOUR)
    worked_on(sessions)
    with sessions.open("k") as session:
        session["n"] = 9
        lasting.pass_by(101)

    assert lasting.plain().get("k") is None
    assert sessions.get("k") is None


def test_a_member_that_is_over_is_not_there(ground: Ground) -> None:
    at = ground.clock.ms
    marks = {"code": {"t": 1000, "at": at}, "name": {"t": 2000.5, "at": at}}
    ground.plant({"code": "x", "name": "Ann", "n": 1, "__ttl": marks})
    sessions = ground.sessions()
    if ground.place.native:
        assert looked_at(sessions) == {"code": "x", "name": "Ann", "n": 1}
        ground.clock.tick(1.001)
        assert looked_at(sessions) == sessions.get("k") == {"name": "Ann", "n": 1}
        ground.clock.tick(1)
    assert looked_at(sessions) == sessions.get("k") == {"n": 1}
    assert list(sessions.items()) == [("k", {"n": 1})]
    assert sessions.inspect("k").value == {"n": 1}
    assert ground.kept()["__ttl"] == marks

    worked_on(sessions)
    assert ground.kept() == {"n": 2}


def test_other_members_keep_their_time_when_one_is_over(lasting: Ground) -> None:
    opened = lasting.sessions().open("k")
    with opened as session:
        session.update(a=1, b=2, c=3)
        opened.expire("a", 1)
        opened.expire("b", timedelta(seconds=5))
    at = lasting.kept()["__ttl"]["b"]["at"]
    assert at == about(lasting.clock.ms)
    lasting.clock.tick(2)
    worked_on(lasting.sessions())

    assert lasting.text() == f'{{"b":2,"c":3,"n":1,"__ttl":{{"b":{{"t":5000,"at":{at}}}}}}}'


def test_a_member_that_is_changed_keeps_its_time(lasting: Ground) -> None:
    opened = lasting.sessions().open("k")
    with opened as session:
        session["code"] = "x"
        opened.expire("code", 5)
    at = lasting.kept()["__ttl"]["code"]["at"]
    lasting.clock.tick(2)
    with opened as session:
        session["code"] = "y"
    assert lasting.kept()["__ttl"] == {"code": {"t": 5000, "at": at}}

    with opened:
        opened.expire("code", 5)
    assert lasting.kept()["__ttl"] == {"code": {"t": 5000, "at": about(at + 2000)}}


def test_the_time_of_a_member_goes_with_it(lasting: Ground) -> None:
    opened = lasting.sessions().open("k")
    with opened as session:
        session["code"] = "x"
        opened.expire("code", 5)
    with opened as session:
        del session["code"]
    assert lasting.kept() == {}

    with opened as session:
        session["code"] = "y"
    lasting.clock.tick(6)
    assert lasting.sessions().get("k") == {"code": "y"}


def test_a_member_that_is_over_while_the_session_is_open_is_not_stored(clocked: Ground) -> None:
    lasting = clocked
    opened = lasting.sessions(lease=HOUR).open("k")
    with opened as session:
        session.update(code="x", n=1)
        opened.expire("code", 5)
        lasting.clock.tick(6)

    assert lasting.kept() == {"n": 1}


@pytest.mark.parametrize(
    "told",
    [
        5,
        None,
        [],
        {"a": 5},
        {"a": {}},
        {"a": {"t": 1}},
        {"a": {"t": "1", "at": 1}},
        {"a": {"t": True, "at": 0}},
        {"gone": {"t": 1, "at": 1}},
    ],
    ids=repr,
)
def test_what_is_no_lifetime_is_none(memory: Ground, told: Any) -> None:
    memory.plant({"a": 1, "__ttl": told, "__ends": "soon"})
    sessions = memory.sessions()
    assert sessions.get("k") == looked_at(sessions) == {"a": 1}
    assert sessions.inspect("k").members_end == {}

    worked_on(sessions)
    assert memory.kept() == {"a": 1, "n": 1}


def test_a_look_tells_when_things_end(lasting: Ground) -> None:
    now = lasting.clock.now
    lasting.plant(
        {
            "a": 1,
            "__ttl": {"a": {"t": 1000, "at": lasting.clock.ms}},
            "__ends": lasting.clock.ms + 9000,
        }
    )
    info = lasting.sessions().inspect("k")
    exact = datetime.fromtimestamp(lasting.clock.ms // 1000, timezone.utc)
    milliseconds = timedelta(milliseconds=lasting.clock.ms % 1000)
    assert now - exact == milliseconds

    assert (info.key, info.value, info.expires_at) == ("k", {"a": 1}, None)
    assert info.ends_at == now + timedelta(seconds=9)
    assert info.members_end == {"a": now + timedelta(seconds=1)}
    looked_at(lasting.sessions(ttl=5))
    assert lasting.sessions().inspect("k").expires_at == now + timedelta(seconds=5)


def test_where_nothing_ends_a_lifetime_is_refused_before_anything_is_done(memory: Ground) -> None:
    values: dict[str, Any] = {}
    for option in ("ttl", "max_age"):
        with pytest.raises(UnsupportedError, match="nothing expires"):
            memory.sessions(memory.half.adapt(values), lock="process", **{option: 5})
    assert values == {}


def test_members_end_where_nothing_else_does(memory: Ground) -> None:
    values: dict[str, Any] = {}
    opened = memory.sessions(memory.half.adapt(values), lock="process").open("k")
    with opened as session:
        session.update(a=1, b=2)
        opened.expire("a", 60)
    (record,) = values.values()
    assert record["__ttl"]["a"]["t"] == 60_000
    record["__ttl"]["a"]["at"] -= 60_001

    with opened as session:
        assert session == {"b": 2}


def test_an_enhanced_store_lets_sessions_end_where_nothing_else_does(memory: Ground) -> None:
    values: dict[str, Any] = {}
    store = memory.half.enhance_storage(memory.half.adapt(values), clock=memory.clock)
    sessions = memory.sessions(store, ttl=HOUR, max_age=1.5 * HOUR, lock="process")
    worked_on(sessions)
    for passed in (HOUR - 1, HOUR / 4):
        memory.clock.tick(passed)
        assert looked_at(sessions) == {"n": 1}
    memory.clock.tick(HOUR / 4 + 1)
    assert looked_at(sessions) == {}

    worked_on(sessions)
    memory.clock.tick(HOUR)
    assert looked_at(sessions) == {}


@pytest.mark.parametrize("options", [{}, {"lock": False}], ids=["turns", "no turns"])
def test_a_session_that_somebody_works_on_is_in_use(clocked: Ground, options: Any) -> None:
    """Where it runs out in the middle of that, nobody else has removed it."""
    sessions = clocked.sessions(ttl=60, lease=HOUR, **options)
    worked_on(sessions)
    clocked.clock.tick(59)
    with sessions.open("k") as session:
        session["n"] = 5
        clocked.clock.tick(2)

    assert sessions.get("k") == {"n": 5}
    assert clocked.left() == 60
