"""Who takes part in a session, and into whose hands it goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from storage.core.dialog.errors import ConcurrencyError, HandoffError, ValidationError
from storage.core.dialog.records import Handoff, Participant
from tests.continuity.managed import Heard, Managed


def names(session: Any) -> list[str]:
    """Those who take part."""
    return [one.id for one in session.participants if one.left_at is None]


def test_who_joins_is_there_and_who_left_is_remembered(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s")

    joined = manager.add_participant("s", {"id": "p", "role": "agent", "metadata": {"a": [1]}})
    everywhere.clock.tick(1)
    left = manager.remove_participant("s", "p")

    first, last = everywhere.at(-1), everywhere.at()
    assert joined.participants == (Participant("p", "agent", {"a": [1]}, first, None),)
    assert left.participants == (Participant("p", "agent", {"a": [1]}, first, last),)
    assert (joined.version, left.version) == (2, 3)
    assert tuple(manager.get_participants("s")) == left.participants
    assert manager.get_session("s").participants == left.participants


def test_moments_of_participants_are_moments(everywhere: Managed) -> None:
    """And no texts."""
    manager = everywhere.manager()
    manager.create_session(session_id="s", participants=[{"id": "a"}])
    manager.add_participant("s", id="b")
    manager.remove_participant("s", "a")

    a, b = everywhere.manager().get_participants("s")

    assert all(isinstance(one, datetime) for one in (a.joined_at, a.left_at, b.joined_at))
    assert a.left_at == b.joined_at == everywhere.at()
    assert b.left_at is None


def test_who_takes_part_already_does_not_join_twice(managed: Managed) -> None:
    manager = managed.manager()
    heard = Heard()
    manager.create_session(session_id="s")
    manager.on("participant:joined", heard)

    manager.add_participant("s", id="p", role="user")
    again = manager.add_participant("s", id="p", role="agent")

    assert [(one.id, one.role) for one in again.participants] == [("p", "user")]
    assert len(heard.events) == 1


def test_who_is_not_there_can_not_leave(managed: Managed) -> None:
    manager = managed.manager()
    heard = Heard()
    manager.create_session(session_id="s", participants=[{"id": "p"}])
    manager.on("participant:left", heard)

    manager.remove_participant("s", "q")
    manager.remove_participant("s", "p")
    first = manager.get_participants("s")
    managed.clock.tick(1)
    manager.remove_participant("s", "p")

    assert tuple(manager.get_participants("s")) == tuple(first)
    assert [event.data["participant_id"] for event in heard.events] == ["p"]


def test_who_left_may_come_again(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s", participants=[{"id": "p"}])
    manager.remove_participant("s", "p")
    managed.clock.tick(1)

    session = manager.add_participant("s", id="p")

    assert names(session) == ["p"]
    assert [one.left_at for one in session.participants] == [managed.at(-1), None]


def test_all_who_join_at_once_take_part(everywhere: Managed) -> None:
    managers = [everywhere.manager() for _ in range(2)]
    managers[0].create_session(session_id="s")

    def join(number: int) -> None:
        managers[number % 2].add_participant("s", id=str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(join, range(8)))

    session = managers[1].get_session("s")
    assert sorted(names(session)) == [str(number) for number in range(8)]
    assert session.version == 9


@pytest.mark.parametrize(
    "participant",
    [
        {},
        {"id": ""},
        {"id": None},
        {"id": 7},
        {"id": "p", "role": "boss"},
        {"id": "p", "role": None},
        {"id": "p", "metadata": [1]},
        {"id": "p", "metadata": {"a": object()}},
        {"id": "p", "joined_at": "yesterday"},
        {"id": "p", "joined_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - that is what is wrong
        {"id": "p", "nickname": "q"},
        {"id": "\ud800"},
        "p",
        7,
    ],
)
def test_a_participant_that_is_none_is_refused(managed: Managed, participant: Any) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError):
        manager.add_participant("s", participant)
    with pytest.raises(ValidationError):
        manager.create_session(session_id="t", participants=[participant])

    assert manager.get_session("s").version == 1
    assert [one.id for one in manager.list_sessions()] == ["s"]


def test_a_session_goes_from_agent_to_agent(everywhere: Managed) -> None:
    manager = everywhere.manager()
    manager.create_session(session_id="s", metadata={"title": "t", "custom": {"mine": 1}})

    first = manager.handoff_to_agent("s", "a")
    everywhere.clock.tick(1)
    second = manager.handoff_to_agent("s", "b", reason="billing", context={"order": [4711, None]})

    assert (first.active_agent_id, second.active_agent_id) == ("a", "b")
    assert names(first) == ["a"]
    assert names(second) == ["b"]
    assert [(one.id, one.role, one.left_at) for one in second.participants] == [
        ("a", "agent", everywhere.at()),
        ("b", "agent", None),
    ]
    assert tuple(everywhere.manager().get_handoffs("s")) == (
        Handoff("a", None, None, None, everywhere.at(-1)),
        Handoff("b", "a", "billing", {"order": [4711, None]}, everywhere.at()),
    )
    assert second.title == "t"
    assert second.metadata["custom"]["mine"] == 1


def test_a_session_is_not_handed_to_who_has_it(managed: Managed) -> None:
    manager = managed.manager()
    heard = Heard()
    manager.create_session(session_id="s", active_agent_id="a")
    manager.on("*", heard)

    with pytest.raises(HandoffError, match="Session is already assigned to agent a") as caught:
        manager.handoff_to_agent("s", "a")

    assert caught.value.agent_id == "a"
    assert manager.get_session("s").version == 1
    assert tuple(manager.get_handoffs("s")) == ()
    assert heard.events == []


def test_an_agent_who_takes_part_already_gets_it_as_well(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(
        session_id="s",
        active_agent_id="a",
        participants=[{"id": "u"}, {"id": "b", "role": "agent"}],
    )

    session = manager.handoff_to_agent("s", "b")

    assert names(session) == ["u", "b"]
    assert session.active_agent_id == "b"


def test_a_session_may_come_back(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s", active_agent_id="a")

    for agent in "bab":
        session = manager.handoff_to_agent("s", agent)

    assert names(session) == ["b"]
    assert [one.to_agent for one in manager.get_handoffs("s")] == ["b", "a", "b"]


def test_the_newest_handoffs_are_remembered(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    for number in range(25):
        manager.handoff_to_agent("s", f"a{number}")

    handoffs = manager.get_handoffs("s")
    assert [one.to_agent for one in handoffs] == [f"a{number}" for number in range(5, 25)]


@pytest.mark.parametrize("agent", ["", None, 7, "\ud800"])
def test_an_agent_that_is_none_is_refused(managed: Managed, agent: Any) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError):
        manager.handoff_to_agent("s", agent)

    assert manager.get_session("s").version == 1


@pytest.mark.parametrize("context", [object(), {"a": {1, 2}}, float("nan"), b"x"])
def test_a_context_that_can_not_be_kept_is_refused(managed: Managed, context: Any) -> None:
    """Before anything is handed over."""
    manager = managed.manager()
    manager.create_session(session_id="s")

    with pytest.raises(ValidationError):
        manager.handoff_to_agent("s", "a", context=context)

    assert manager.get_session("s").active_agent_id is None


def test_two_who_hand_over_at_once_do_it_one_after_the_other(everywhere: Managed) -> None:
    managers = [everywhere.manager() for _ in range(2)]
    managers[0].create_session(session_id="s", active_agent_id="a")

    def hand(number: int) -> None:
        managers[number % 2].handoff_to_agent("s", f"b{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hand, range(4)))

    handoffs = managers[0].get_handoffs("s")
    assert sorted(one.to_agent for one in handoffs) == ["b0", "b1", "b2", "b3"]
    assert [one.from_agent for one in handoffs] == ["a", *(one.to_agent for one in handoffs[:-1])]
    assert managers[0].get_session("s").active_agent_id == handoffs[-1].to_agent


@pytest.mark.parametrize(
    "kept",
    ['{"handoffs":7}', '{"handoffs":[7,{"toAgent":"a","at":"x"}]}', "null", '{"handoffs":{"a":1}}'],
)
def test_what_others_keep_at_its_place_breaks_nothing(managed: Managed, kept: str) -> None:
    import json

    manager = managed.manager()
    manager.create_session(session_id="s", metadata={"custom": json.loads(kept)})

    before = len(manager.get_handoffs("s"))
    session = manager.handoff_to_agent("s", "b")

    assert session.active_agent_id == "b"
    assert len(manager.get_handoffs("s")) == before + 1


def test_what_a_program_put_there_is_not_overwritten_by_a_hand_off(everywhere: Managed) -> None:
    """Where there is no room for hand-offs there are none."""
    manager = everywhere.manager()
    before = manager.create_session(session_id="s", metadata={"custom": [1, 2]})

    with pytest.raises(ValidationError, match="custom in metadata must be an object"):
        manager.handoff_to_agent("s", "b")

    assert manager.get_session("s") == before


@pytest.mark.parametrize("custom", [{}, {"custom": None}, {"custom": {"a": 1}}])
def test_hand_offs_outlive_other_metadata(everywhere: Managed, custom: Any) -> None:
    """Of a session that was read before there was one."""
    manager = everywhere.manager()
    manager.create_session(session_id="s", metadata={"tags": ["a"], **custom})
    manager.handoff_to_agent("s", "a", reason="why")
    found = manager.get_handoffs("s")

    changed = manager.update_session("s", metadata={"tags": ["b"], **custom})

    assert len(found) == 1
    assert manager.get_handoffs("s") == found
    assert changed.tags == ("b",)
    kept = {**(custom.get("custom") or {})}
    assert {**changed.metadata["custom"], "handoffs": None} == {**kept, "handoffs": None}
    assert changed == manager.get_session("s")


def test_who_tells_of_hand_offs_says_which_there_are(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    manager.handoff_to_agent("s", "a")

    manager.update_session("s", metadata={"custom": {"handoffs": []}})
    assert tuple(manager.get_handoffs("s")) == ()

    with pytest.raises(ValidationError, match="custom in metadata must be an object"):
        manager.update_session("s", metadata={"custom": "a text"})


def test_hand_offs_outlive_other_metadata_of_somebody_who_writes_at_once(
    everywhere: Managed,
) -> None:
    managers = [everywhere.manager() for _ in range(4)]
    managers[0].create_session(session_id="s")

    def write(number: int) -> None:
        if number % 2:
            managers[number].handoff_to_agent("s", f"b{number}")
        else:
            managers[number].update_session("s", metadata={"title": str(number)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))

    handoffs = managers[0].get_handoffs("s")
    assert sorted(one.to_agent for one in handoffs) == ["b1", "b3"]
    assert managers[0].get_session("s").title in ("0", "2")


def test_other_metadata_of_a_version_that_is_gone_is_refused_at_once(managed: Managed) -> None:
    manager = managed.manager()
    manager.create_session(session_id="s")
    manager.update_session("s", user_id="u")

    with pytest.raises(ConcurrencyError) as caught:
        manager.update_session("s", metadata={"a": 1}, expected_version=1)

    assert (caught.value.expected, caught.value.actual) == (1, 2)
    assert manager.update_session("s", metadata={"a": 1}, expected_version=2).version == 3


def test_the_agent_who_leaves_has_the_session_no_more(everywhere: Managed) -> None:
    manager = everywhere.manager()
    participants = [{"id": name, "role": "agent"} for name in "ab"]
    manager.create_session(session_id="s", active_agent_id="a", participants=participants)

    assert manager.remove_participant("s", "b").active_agent_id == "a"
    session = manager.remove_participant("s", "a")

    assert session.active_agent_id is None
    assert manager.get_session("s") == session


def test_who_is_told_of_in_an_update_joined_then(managed: Managed) -> None:
    manager = managed.manager()
    early = managed.at(-100)
    manager.create_session(session_id="s")
    managed.clock.tick(1)

    told = [Participant("a"), {"id": "b", "joinedAt": early}]
    session = manager.update_session("s", participants=told)

    assert [one.joined_at for one in session.participants] == [managed.at(), early]
