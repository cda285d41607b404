"""What every room of sessions keeps to, in both colours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage import ClosedError, CorruptValueError, InvalidKeyError
from storage.core.dialog.dates import iso, moment
from storage.dialogs import Asked, Change, Changed, Held, Said, Terms, Wanted
from storage.testing import Bridge
from tests.continuity.rooms import (
    ALL,
    FOR_EVER,
    HALVES,
    KINDS,
    Ground,
    ground,
    ids,
    said,
    seconds,
    session,
)

BUDGET = '{"maxTokens":12,"reserveTokens":2,"overflowStrategy":"error"}'
LAX = '{"maxTokens":1,"reserveTokens":0,"overflowStrategy":"truncate"}'


@pytest.fixture(params=[(kind, half) for kind in KINDS for half in HALVES], ids="-".join)
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    kind, half = request.param
    with Bridge() as bridge:
        made, store = ground(kind, HALVES[half], tmp_path / "bot.db", bridge)
        yield made
        store.close()


@pytest.fixture
def room(here: Ground) -> Any:
    return here.room


def held(room: Any, session_id: str = "s") -> Held:
    found = room.find(session_id)
    assert found is not None
    kept: Held = found
    return kept


def test_a_new_session_is_told_what_it_does_not_say(here: Ground) -> None:
    made = here.room.create(session(), seconds(session=60))

    now = iso(here.clock.ms)
    expires = iso(here.clock.ms + 60_000)
    told = {"createdAt": now, "lastActivityAt": now, "version": "1", "expiresAt": expires}
    assert made == Held({**session(), **told}) == here.room.find("s")


def test_what_a_new_session_says_stays(room: Any) -> None:
    told = session(createdAt="2020", lastActivityAt="?", version="7", expiresAt="", ours="x")

    made = room.create(told, seconds(session=60))

    assert dict(made.fields) == dict(held(room).fields) == told


def test_a_session_is_made_once(room: Any) -> None:
    assert room.create(session(userId="ann"), FOR_EVER) is not None
    assert room.create(session(userId="bob"), FOR_EVER) is None

    assert held(room).fields["userId"] == "ann"


def test_nobody_can_change_what_is_handed_out(room: Any) -> None:
    fields, message = session(), said("m", 1)
    made = room.create(fields, FOR_EVER)
    done = room.add("s", message, FOR_EVER)
    fields["userId"] = message["content"] = "changed"

    for found in (made.fields, held(room).fields, done.message, *room.messages("s", ALL)):
        with pytest.raises(TypeError):
            found["content"] = "changed"
    assert "userId" not in held(room).fields
    assert [one["content"] for one in room.messages("s", ALL)] == ["m"]


def test_a_change_raises_the_version_by_one_and_is_activity(here: Ground) -> None:
    here.room.create(session(userId="ann", ours="x"), seconds(session=60))
    here.clock.tick(1)

    done = here.room.change(
        "s", Change({"status": "paused", "version": "9"}, ("userId", "none")), seconds(session=60)
    )

    fields = dict(done.held.fields)
    assert done == Changed("done", here.room.find("s"))
    assert fields["version"] == "2"
    assert (fields["status"], fields["ours"], fields.get("userId")) == ("paused", "x", None)
    assert fields["lastActivityAt"] == iso(here.clock.ms)
    assert fields["expiresAt"] == iso(here.clock.ms + 60_000)
    assert fields["createdAt"] == iso(here.clock.ms - 1000)


def test_a_quiet_change_is_no_activity(here: Ground) -> None:
    here.room.create(session(), seconds(10, 10))
    before = dict(held(here.room).fields)
    here.clock.tick(6)

    done = here.room.change("s", Change({"ours": "x"}, quiet=True, compression="{}"), seconds(9, 9))

    assert done.held == Held({**before, "ours": "x"}, compression="{}")
    here.clock.tick(4)
    assert here.room.find("s") is None


def test_a_change_of_another_version_is_refused(room: Any) -> None:
    room.create(session(), FOR_EVER)
    room.change("s", Change({"ours": "x"}, expected=1), FOR_EVER)

    refused = room.change("s", Change({"ours": "y"}, expected=1), FOR_EVER)

    assert refused == Changed("conflict", held(room))
    assert held(room).fields["ours"] == "x"


def test_an_end_that_is_told_is_not_renewed_by_the_change_that_tells_it(here: Ground) -> None:
    here.room.create(session(), seconds(session=5))
    far = iso(here.clock.ms + 90_000)

    here.room.change("s", Change({"expiresAt": far}), seconds(session=5))
    assert held(here.room).fields["expiresAt"] == far
    here.room.change("s", Change(drop=("expiresAt",)), seconds(session=5))
    assert "expiresAt" not in held(here.room).fields
    here.room.add("s", said("m"), seconds(session=5))
    assert held(here.room).fields["expiresAt"] == iso(here.clock.ms + 5000)


@pytest.mark.parametrize("status", ["completed", "expired"])
def test_a_session_that_is_over_is_read_and_emptied_only(here: Ground, status: str) -> None:
    room, terms = here.room, seconds(session=60)
    room.create(session(), terms)
    for name in ("m", "n", "o"):
        room.add("s", said(name, 2), terms)
    room.change("s", Change({"status": status}), terms)
    before = held(room)

    assert room.add("s", said("p"), terms) == Said("closed", status=status)
    assert room.amend("s", "m", {"content": "x"}, (), terms) == Said("closed", status=status)
    assert room.change("s", Change({"ours": "x"}), terms) == Changed("closed", before)
    assert room.add("s", said("m"), terms).outcome == "repeated"
    assert held(room) == before
    assert ids(room.messages("s", ALL)) == ["m", "n", "o"]

    assert room.discard("s", "m", terms).outcome == "done"
    assert (held(room).messages, held(room).tokens) == (2, 4)
    assert room.discard_all("s", terms) == 2
    assert held(room).fields["status"] == status
    assert room.change("s", Change(compression="{}", quiet=True), terms).outcome == "done"
    assert (held(room).compression, held(room).fields["version"]) == ("{}", "2")


def test_a_session_is_closed_from_its_end_on(here: Ground) -> None:
    here.room.create(session(status="paused"), seconds(session=5))
    here.clock.tick(4.999)
    assert here.room.change("s", Change({"status": "active"}), FOR_EVER).outcome == "done"
    assert here.room.add("s", said("m"), FOR_EVER).outcome == "done"
    here.clock.tick(0.001)

    assert here.room.add("s", said("n"), seconds(session=5)) == Said("closed", status="expired")
    assert here.room.change("s", Change({"ours": "x"}), FOR_EVER).outcome == "closed"
    assert ids(here.room.messages("s", ALL)) == ["m"]


def test_who_empties_an_expired_session_does_not_open_it(here: Ground) -> None:
    terms = seconds(session=5)
    here.room.create(session(), terms)
    here.room.add("s", said("m"), terms)
    here.room.add("s", said("n"), terms)
    expires = held(here.room).fields["expiresAt"]
    here.clock.tick(6)

    here.room.discard("s", "m", terms)
    here.room.discard_all("s", terms)

    assert held(here.room).fields["expiresAt"] == expires
    assert here.room.add("s", said("o"), terms).outcome == "closed"
    assert here.room.expired(here.clock.ms) == ["s"]


def test_a_paused_session_takes_no_message(room: Any) -> None:
    room.create(session(), FOR_EVER)
    room.add("s", said("m", 1), FOR_EVER)
    room.change("s", Change({"status": "paused"}), FOR_EVER)

    assert room.add("s", said("n"), FOR_EVER) == Said("closed", status="paused")
    assert room.amend("s", "m", {"content": "x"}, (), FOR_EVER).outcome == "done"
    assert room.change("s", Change({"status": "active"}), FOR_EVER).outcome == "done"
    assert room.add("s", said("n"), FOR_EVER).outcome == "done"


@pytest.mark.parametrize("expires", ["", "soon", "2020-13-01", "never"])
def test_an_end_that_can_not_be_read_is_none(here: Ground, expires: str) -> None:
    here.room.create(session(expiresAt=expires), FOR_EVER)

    assert here.room.add("s", said("m"), FOR_EVER).outcome == "done"
    assert here.room.expired(here.clock.ms) == []
    assert not here.room.remove("s", here.clock.ms)


def test_a_message_gets_a_number_a_session_and_a_moment(here: Ground) -> None:
    here.room.create(session(), FOR_EVER)
    first = here.room.add("s", said("m", 3, sequence="8", sessionId="x"), FOR_EVER)
    here.clock.tick(-5)
    second = here.room.add("s", said("n"), FOR_EVER)
    third = here.room.add("s", said("o", createdAt="2020-01-01T00:00:00.000Z"), FOR_EVER)
    fourth = here.room.add("s", said("p"), FOR_EVER)

    made = iso(here.clock.ms + 5000)
    told = {"sessionId": "s", "sequence": "1", "createdAt": made}
    assert first == Said("done", {**said("m", 3), **told})
    assert second.message["createdAt"] == made  # it does not come before the one before it
    assert third.message["createdAt"] == "2020-01-01T00:00:00.000Z"
    assert fourth.message["createdAt"] == iso(here.clock.ms)
    assert here.room.messages("s", ALL) == [one.message for one in (first, second, third, fourth)]


def test_a_number_is_never_given_again(room: Any) -> None:
    room.create(session(), FOR_EVER)
    for name in ("m", "n"):
        room.add("s", said(name), FOR_EVER)
    room.discard("s", "n", FOR_EVER)
    assert room.add("s", said("n"), FOR_EVER).message["sequence"] == "3"
    room.discard_all("s", FOR_EVER)

    assert room.add("s", said("m"), FOR_EVER).message["sequence"] == "4"


def test_a_message_that_is_there_already_stays_as_it_is(here: Ground) -> None:
    here.room.create(session(), FOR_EVER)
    first = here.room.add("s", said("m", 3), FOR_EVER)
    before = held(here.room)
    here.clock.tick(1)

    again = here.room.add("s", said("m", 9, content="another"), FOR_EVER)

    assert again == Said("repeated", first.message)
    assert held(here.room) == before


def test_an_id_is_that_of_one_message_in_the_whole_store(here: Ground) -> None:
    room = here.room
    room.create(session("s"), seconds(5))
    room.create(session("t"), FOR_EVER)
    room.add("s", said("m", 1), seconds(5))

    assert room.add("t", said("m", 1), FOR_EVER) == Said("taken")
    missing = Said("missing", status="active")
    assert room.amend("t", "m", {"content": "x"}, (), FOR_EVER) == missing
    assert room.discard("t", "m", FOR_EVER) == missing
    assert (held(room, "t").messages, room.messages("t", ALL)) == (0, [])

    here.clock.tick(5)  # the session is not kept any more
    assert room.add("t", said("m", 1), FOR_EVER).outcome == "done"
    room.discard("t", "m", FOR_EVER)
    room.create(session("s"), FOR_EVER)
    assert room.add("s", said("m", 1), FOR_EVER).outcome == "done"
    room.remove("s")
    assert room.add("t", said("m", 1), FOR_EVER).outcome == "done"
    room.discard_all("t", FOR_EVER)
    room.create(session("s"), FOR_EVER)
    assert room.add("s", said("m", 1), FOR_EVER).outcome == "done"


def test_a_changed_message_keeps_its_place_and_counts_anew(here: Ground) -> None:
    room = here.room
    room.create(session(), FOR_EVER)
    for name in ("m", "n", "o"):
        room.add("s", said(name, 2), FOR_EVER)
    kept = room.messages("s", ALL)[1]
    here.clock.tick(3)
    put = {"content": "new", "tokenCount": "7", "id": "x", "sequence": "9", "sessionId": "y"}

    done = room.amend("s", "n", put, ("metadata",), FOR_EVER)

    now = iso(here.clock.ms)
    new = {**kept, "content": "new", "tokenCount": "7", "updatedAt": now}
    del new["metadata"]
    assert done == Said("done", new)
    assert ids(room.messages("s", ALL)) == ["m", "n", "o"]
    assert room.messages("s", ALL)[1] == new
    assert (held(room).messages, held(room).tokens) == (3, 11)
    assert held(room).fields["lastActivityAt"] == now
    assert held(room).fields["version"] == "1"


def test_what_is_no_count_counts_nothing(room: Any) -> None:
    room.create(session(), FOR_EVER)
    for number, tokens in enumerate(["", "x", "-3", "1.5", "9" * 40, "٣", "4"]):
        room.add("s", said(f"m{number}", tokens), FOR_EVER)

    assert (held(room).messages, held(room).tokens) == (7, 4)
    room.discard("s", "m1", FOR_EVER)
    room.amend("s", "m6", {"tokenCount": ""}, (), FOR_EVER)
    assert (held(room).messages, held(room).tokens) == (6, 0)


@pytest.mark.parametrize("step", ["add", "amend", "discard", "discard_all", "change"])
def test_any_change_of_messages_takes_the_compression_state_away(room: Any, step: str) -> None:
    state = '{"strategy":"hybrid"}'
    given: dict[str, tuple[Any, ...]] = {
        "add": (said("n"),),
        "amend": ("m", {"content": "x"}, ()),
        "discard": ("m",),
        "discard_all": (),
        "change": (Change(compression=""),),
    }
    room.create(session(), FOR_EVER)
    room.add("s", said("m"), FOR_EVER)
    room.change("s", Change(compression=state, quiet=True), FOR_EVER)
    room.change("s", Change({"ours": "x"}), FOR_EVER)
    assert room.add("s", said("m"), FOR_EVER).outcome == "repeated"
    assert held(room).compression == state

    getattr(room, step)("s", *given[step], FOR_EVER)

    assert held(room).compression == ""


def test_a_message_that_is_taken_away_says_what_it_was(here: Ground) -> None:
    room = here.room
    room.create(session(), seconds(session=9))
    for name in ("m", "n"):
        room.add("s", said(name, 2), FOR_EVER)
    kept = room.messages("s", ALL)[0]
    here.clock.tick(2)

    assert room.discard("s", "m", seconds(session=9)) == Said("done", kept)
    assert room.discard("s", "m", FOR_EVER) == Said("missing", status="active")

    found = held(room)
    assert ids(room.messages("s", ALL)) == ["n"]
    assert (found.messages, found.tokens) == (1, 2)
    assert found.fields["lastActivityAt"] == iso(here.clock.ms)
    assert found.fields["expiresAt"] == iso(here.clock.ms + 9000)


def test_all_messages_go_at_once(room: Any) -> None:
    room.create(session(), FOR_EVER)
    for number in range(30):
        room.add("s", said(f"m{number}", 1), FOR_EVER)

    assert room.discard_all("s", FOR_EVER) == 30
    assert room.discard_all("s", FOR_EVER) == 0
    assert room.discard_all("none", FOR_EVER) is None
    assert (held(room).messages, held(room).tokens, room.messages("s", ALL)) == (0, 0, [])


def test_nothing_is_done_to_a_session_that_is_not_there(room: Any) -> None:
    assert room.find("none") is None
    assert room.change("none", Change({"ours": "x"}), FOR_EVER) == Changed("missing")
    assert room.add("none", said("m"), FOR_EVER) == Said("missing")
    assert room.amend("none", "m", {}, (), FOR_EVER) == Said("missing")
    assert room.discard("none", "m", FOR_EVER) == Said("missing")
    assert room.messages("none", ALL) == []
    assert not room.remove("none")
    assert (room.select(Wanted()), room.expired(2**50), room.expired(None)) == ([], [], [])

    room.create(session(status="paused"), FOR_EVER)
    missing = Said("missing", status="paused")
    assert room.amend("s", "none", {}, (), FOR_EVER) == missing
    assert room.discard("s", "none", FOR_EVER) == missing
    assert room.find("s").messages == 0


@pytest.mark.parametrize(
    ("budget", "most", "fits"),
    [
        (BUDGET, None, 10),
        (BUDGET, 3, 10),
        (None, 10, 10),
        (None, None, 99),
        (LAX, 3, 99),
        ("{", 10, 10),
        ('{"overflowStrategy":"error"}', 10, 10),
        ('{"maxTokens":10.0,"overflowStrategy":"error"}', None, 10),
        ('{"maxTokens":2,"reserveTokens":3,"overflowStrategy":"error"}', None, 0),
    ],
)
def test_a_message_that_is_too_much_is_refused(
    room: Any, budget: str | None, most: int | None, fits: int
) -> None:
    room.create(session(**({} if budget is None else {"tokenBudget": budget})), FOR_EVER)

    if fits == 99:
        assert room.add("s", said("m", 99), FOR_EVER, most).outcome == "done"
        return
    first = max(0, fits - 1)
    assert room.add("s", said("m", first), FOR_EVER, most).outcome == "done"
    before = held(room)
    assert room.add("s", said("n", fits - first + 1), FOR_EVER, most) == Said(
        "full", used=first, most=fits
    )
    assert (held(room), ids(room.messages("s", ALL))) == (before, ["m"])
    assert room.add("s", said("n", fits - first), FOR_EVER, most).outcome == "done"


@pytest.mark.parametrize("method", ["add", "amend", "discard", "discard_all", "change"])
def test_every_change_renews_how_long_a_session_is_kept(here: Ground, method: str) -> None:
    room, terms = here.room, seconds(10)
    room.create(session(), terms)
    room.add("s", said("m"), terms)
    given: dict[str, tuple[Any, ...]] = {
        "add": (said("n"),),
        "amend": ("m", {"content": "x"}, ()),
        "discard": ("m",),
        "discard_all": (),
        "change": (Change({"ours": "x"}),),
    }
    here.clock.tick(9)
    getattr(room, method)("s", *given[method], terms)
    here.clock.tick(9.999)
    assert room.find("s") is not None

    here.clock.tick(0.001)

    assert room.find("s") is None


@pytest.mark.parametrize("method", ["add", "amend", "discard", "discard_all", "change"])
def test_who_says_nothing_of_it_leaves_the_end_that_another_set(here: Ground, method: str) -> None:
    room = here.room
    room.create(session(), seconds(10))
    room.add("s", said("m"), seconds(10))
    given: dict[str, tuple[Any, ...]] = {
        "add": (said("n"),),
        "amend": ("m", {"content": "x"}, ()),
        "discard": ("m",),
        "discard_all": (),
        "change": (Change({"ours": "x"}),),
    }
    here.clock.tick(9)

    getattr(room, method)("s", *given[method], FOR_EVER)

    assert room.find("s") is not None
    here.clock.tick(1)
    assert room.find("s") is None


def test_a_session_that_is_not_kept_any_more_is_absent_to_every_method(here: Ground) -> None:
    room, terms = here.room, seconds(5, 1)
    room.create(session(userId="ann"), terms)
    room.add("s", said("m", 3), terms)
    here.clock.tick(5)

    assert room.find("s") is None
    assert room.change("s", Change(quiet=True), terms) == Changed("missing")
    assert room.add("s", said("m"), terms) == Said("missing")
    assert room.amend("s", "m", {}, (), terms) == Said("missing")
    assert room.discard("s", "m", terms) == Said("missing")
    assert room.discard_all("s", terms) is None
    assert (room.messages("s", ALL), room.select(Wanted(user_id="ann"))) == ([], [])
    assert room.expired(here.clock.ms) == []
    assert not room.remove("s")
    assert not room.remove("s", here.clock.ms)

    made = room.create(session(), terms)
    assert (made.messages, made.tokens, room.messages("s", ALL)) == (0, 0, [])
    assert room.add("s", said("m"), terms).message["sequence"] == "1"


def test_a_life_may_be_longer_than_any_timer(here: Ground) -> None:
    year = 365 * 86_400
    here.room.create(session(), seconds(2 * year, year))
    here.clock.tick(year - 1)
    assert here.room.add("s", said("m"), FOR_EVER).outcome == "done"
    here.clock.tick(year)
    assert here.room.find("s") is not None

    here.clock.tick(1)

    assert here.room.find("s") is None


def test_a_session_goes_with_all_of_it(room: Any) -> None:
    room.create(session(), FOR_EVER)
    room.add("s", said("m"), FOR_EVER)

    assert room.remove("s")
    assert not room.remove("s")

    assert room.find("s") is None
    assert room.messages("s", ALL) == []
    room.create(session(), FOR_EVER)
    assert room.messages("s", ALL) == []
    assert room.add("s", said("m"), FOR_EVER).message["sequence"] == "1"


def test_a_session_that_was_renewed_is_not_cleared_away(here: Ground) -> None:
    room, terms = here.room, seconds(session=5)
    room.create(session(), terms)
    here.clock.tick(4)
    room.add("s", said("m"), terms)
    here.clock.tick(1)
    assert not room.remove("s", here.clock.ms)
    assert not room.remove("s", here.clock.ms + 60_000)  # it is not past yet
    here.clock.tick(4)
    assert not room.remove("s", here.clock.ms - 1)

    assert room.remove("s", here.clock.ms)

    assert room.find("s") is None


def test_expired_sessions_are_told_the_earliest_first(here: Ground) -> None:
    room, start = here.room, here.clock.ms
    for name, expires in [("a", 3000), ("b", 1000), ("c", 1000), ("d", 2000), ("e", None)]:
        told = {} if expires is None else {"expiresAt": iso(start + expires)}
        room.create(session(name, **told), FOR_EVER)
    room.create(session("f", expiresAt=iso(start), status="completed"), FOR_EVER)

    assert room.expired(start + 2000) == ["f", "b", "c", "d"]
    assert room.expired(None) == ["f"]
    here.clock.tick(1)
    assert room.expired(None) == ["f", "b", "c"]
    assert room.expired(start - 1) == []


def listed(room: Any, **wanted: Any) -> str:
    return "".join(one.id for one in room.select(Wanted(**wanted)))


@pytest.fixture
def many(here: Ground) -> Any:
    """Sessions made a second apart, `b` and `c` at once."""
    start = here.clock.ms
    rows: list[tuple[str, int, dict[str, str]]] = [
        ("d", 3, {"userId": "ann", "metadata": '{"tags":["x"]}'}),
        ("a", 1, {"userId": "ann", "activeAgentId": "one", "metadata": '{"tags":["x","y"]}'}),
        ("c", 2, {"userId": "bob", "activeAgentId": "one", "metadata": "no JSON"}),
        ("b", 2, {"userId": "ann", "status": "paused", "metadata": '{"tags":"y"}'}),
        ("e", 4, {"activeAgentId": "two", "metadata": '{"tags":["y",7]}'}),
    ]
    for name, at, fields in rows:
        here.room.create(session(name, createdAt=iso(start + at * 1000), **fields), FOR_EVER)
    return here.room


def test_sessions_come_in_the_order_in_which_they_were_made(many: Any) -> None:
    assert listed(many) == "abcde"
    assert listed(many, newest=True) == "edbca"


def test_sessions_come_in_the_order_of_their_activity(here: Ground, many: Any) -> None:
    for name in "ebd":
        here.clock.tick(1)
        many.change(name, Change({"ours": "x"}), FOR_EVER)

    assert listed(many, by="activity") == "acebd"
    assert listed(many, by="activity", newest=True) == "dbeac"


def test_conditions_count_before_the_number_does(here: Ground, many: Any) -> None:
    start = here.clock.ms
    assert listed(many, user_id="ann") == "abd"
    assert listed(many, user_id="ann", limit=2) == "ab"
    assert listed(many, user_id="ann", limit=2, offset=1) == "bd"
    assert listed(many, user_id="ann", newest=True, limit=1) == "d"
    assert listed(many, status="paused") == "b"
    assert listed(many, agent_id="one") == "ac"
    assert listed(many, agent_id="one", user_id="bob", status="active") == "c"
    assert listed(many, tags=("y",)) == "ae"
    assert listed(many, tags=("x", "y"), limit=2, offset=1) == "de"
    assert listed(many, tags=("x", "y"), newest=True, limit=1) == "e"
    assert listed(many, created_after=start + 2000) == "bcde"
    assert listed(many, created_before=start + 2000) == "abc"
    assert listed(many, created_after=start + 2000, created_before=start + 2000, limit=1) == "b"
    assert listed(many, limit=0) == listed(many, offset=5) == listed(many, offset=10**30) == ""
    assert listed(many, limit=10**30) == "abcde"


def test_a_session_is_found_by_what_it_is_now(here: Ground, many: Any) -> None:
    start = here.clock.ms
    put = {
        "userId": "bob",
        "status": "completed",
        "activeAgentId": "two",
        "metadata": '{"tags":["z"]}',
        "createdAt": iso(start + 9000),
        "expiresAt": iso(start),
    }
    many.change("a", Change(put), FOR_EVER)
    many.change("c", Change(drop=("userId",)), FOR_EVER)

    assert (listed(many, user_id="ann"), listed(many, user_id="bob")) == ("bd", "a")
    assert listed(many, status="completed") == "a"
    assert (listed(many, agent_id="one"), listed(many, agent_id="two")) == ("c", "ea")
    assert (listed(many, tags=("x",)), listed(many, tags=("z",))) == ("d", "a")
    assert listed(many) == "bcdea"
    assert many.expired(start) == ["a"]


def test_a_message_is_found_by_what_it_is_now(here: Ground) -> None:
    here.room.create(session(), FOR_EVER)
    here.room.add("s", said("m", role="user"), FOR_EVER)

    put = {"role": "system", "createdAt": "2020"}
    assert here.room.amend("s", "m", put, (), FOR_EVER).outcome == "done"

    assert here.room.messages("s", Asked(roles=("user",))) == []
    assert ids(here.room.messages("s", Asked(roles=("system",)))) == ["m"]
    assert here.room.messages("s", Asked(after=here.clock.ms - 1)) == []


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("by", ["created", "activity"])
def test_a_listing_goes_on_where_another_ended(
    here: Ground, many: Any, newest: bool, by: str
) -> None:
    for name in "ce":
        here.clock.tick(1)
        many.change(name, Change({"ours": "x"}), FOR_EVER)
    whole = listed(many, newest=newest, by=by)
    found, beyond = "", None
    field = "lastActivityAt" if by == "activity" else "createdAt"
    for _ in range(4):
        page = many.select(Wanted(newest=newest, by=by, limit=2, beyond=beyond))  # type: ignore[arg-type]
        found += "".join(one.id for one in page)
        if page:
            beyond = (moment(page[-1].fields[field]), page[-1].id)

    assert found == whole
    assert len(whole) == 5


def test_a_session_of_a_moment_that_can_not_be_read_is_listed_before_all(here: Ground) -> None:
    here.room.create(session("a"), FOR_EVER)
    here.room.create(session("b", createdAt="long ago"), FOR_EVER)
    here.room.create(session("c", createdAt="", lastActivityAt="?"), FOR_EVER)

    assert listed(here.room) == "bca"
    assert listed(here.room, newest=True) == "abc"
    assert listed(here.room, by="activity") == "cab"
    assert listed(here.room, created_after=0) == "a"
    assert listed(here.room, created_before=here.clock.ms - 1) == "bc"


def test_messages_are_filtered_before_they_are_counted(here: Ground) -> None:
    room, start = here.room, here.clock.ms
    room.create(session(), FOR_EVER)
    roles = ["system", "user", "assistant", "tool", "user", "assistant"]
    for number, role in enumerate(roles):
        room.add("s", said(str(number), role=role), FOR_EVER)
        here.clock.tick(1)

    def found(**asked: Any) -> str:
        return "".join(ids(room.messages("s", Asked(**asked))))

    assert found() == "012345"
    assert found(newest=True) == "543210"
    assert found(limit=2) == "01"
    assert found(limit=2, newest=True) == "54"
    assert found(limit=2, offset=1, newest=True) == "43"
    assert found(roles=("user",), limit=1, offset=1) == "4"
    assert found(roles=("user", "system"), newest=True, limit=2) == "41"
    assert found(after=start + 1000) == "2345"
    assert found(before=start + 2000) == "01"
    assert found(after=start, before=start + 5000, roles=("assistant", "tool"), limit=1) == "2"
    assert found(limit=0) == found(offset=6) == found(offset=10**30) == ""
    assert found(limit=10**30, offset=4) == "45"


def test_messages_of_one_moment_stay_in_order(room: Any) -> None:
    room.create(session(), FOR_EVER)
    for number in range(20):
        room.add("s", said(f"m{19 - number:02}"), FOR_EVER)

    found = ids(room.messages("s", ALL))
    assert found == [f"m{19 - number:02}" for number in range(20)]
    assert ids(room.messages("s", Asked(newest=True))) == found[::-1]


def test_a_message_of_a_moment_that_can_not_be_read_was_made_before_all(here: Ground) -> None:
    here.room.create(session(), FOR_EVER)
    for name, made in [("m", "?"), ("n", iso(here.clock.ms)), ("o", "")]:
        here.room.add("s", said(name, createdAt=made), FOR_EVER)

    assert ids(here.room.messages("s", Asked(after=0))) == ["n"]
    assert ids(here.room.messages("s", Asked(before=here.clock.ms))) == ["m", "o"]
    assert here.room.add("s", said("p"), FOR_EVER).message["createdAt"] == iso(here.clock.ms)


def test_a_version_that_is_no_number_is_corrupt_and_the_session_can_go(room: Any) -> None:
    room.create(session(version="hunter2"), FOR_EVER)
    room.create(session("t", version=""), FOR_EVER)

    with pytest.raises(CorruptValueError, match="version") as caught:
        room.change("s", Change({"ours": "x"}), FOR_EVER)

    assert caught.value.key == "s"
    assert caught.value.store
    assert "hunter2" not in str(caught.value)
    assert room.add("s", said("m"), FOR_EVER).outcome == "done"
    assert room.change("t", Change(expected=1), FOR_EVER).held.fields["version"] == "2"
    assert room.remove("s")


def test_any_text_is_kept(room: Any) -> None:
    text = "\0 \n\"'; DROP TABLE -- 🎈 \ud83c ключ"
    name = text.replace("\ud83c", "")
    room.create(session(name, userId=name, metadata=text), FOR_EVER)
    room.add(name, said(name, content=text, role=name), FOR_EVER)

    assert room.find(name).fields["metadata"] == text
    assert [one["content"] for one in room.messages(name, Asked(roles=(name,)))] == [text]
    assert [one.id for one in room.select(Wanted(user_id=name))] == [name]
    assert room.discard(name, name, FOR_EVER).outcome == "done"
    assert room.remove(name)


def test_an_id_that_utf_8_can_not_carry_is_refused(room: Any) -> None:
    room.create(session(), FOR_EVER)

    for call in (
        lambda: room.create(session("\ud800"), FOR_EVER),
        lambda: room.find("\ud800"),
        lambda: room.add("s", said("\ud800"), FOR_EVER),
    ):
        with pytest.raises(InvalidKeyError):
            call()


def test_namespaces_know_nothing_of_each_other(here: Ground) -> None:
    one, two = here.namespace("one"), here.namespace("two")
    for room in (here.room, one, two):
        room.create(session(userId="ann"), seconds(session=1))
        assert room.add("s", said("m", 1), FOR_EVER).outcome == "done"
    assert one.remove("s")

    assert one.messages("s", ALL) == one.select(Wanted()) == one.expired(2**50) == []
    for room in (here.room, two):
        assert [found.id for found in room.select(Wanted(user_id="ann"))] == ["s"]
        assert room.expired(2**50) == ["s"]
        assert ids(room.messages("s", ALL)) == ["m"]


def test_a_moment_beyond_all_dates_is_the_last_one(room: Any) -> None:
    room.create(session(), Terms(None, 10**15))

    assert held(room).fields["expiresAt"] == "9999-12-31T23:59:59.999Z"
    assert room.add("s", said("m"), Terms(10**15, 10**15)).outcome == "done"


def test_a_store_answers_until_it_is_closed(tmp_path: Path) -> None:
    for kind in KINDS:
        for half in HALVES.values():
            with Bridge() as bridge:
                made, store = ground(kind, half, tmp_path / "bot.db", bridge)
                made.room.ping()
                store.close()
                for call in (made.room.ping, lambda: made.room.find("s")):  # noqa: B023
                    with pytest.raises(ClosedError):
                        call()
