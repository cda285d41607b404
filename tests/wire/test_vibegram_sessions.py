"""A bot in JavaScript whose sessions do what those of VibeGram say that they do, and sessions of
ours, on one server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import storage.aio.compat.vibegram
import storage.compat.vibegram
from storage import MismatchError
from storage.compat.vibegram import RedisStoreParseError
from storage.testing import Bridge
from tests.servers import Server
from tests.wire.program import Program

PROGRAM = Path(__file__).with_name("vibegram.mjs")
HALVES = [storage.compat.vibegram, storage.aio.compat.vibegram]
NAME = "vibegram:session:100:7"
DAY_MS = 86_400_000

COUNTS = "({ session }) => { session.counter = (session.counter ?? 0) + 1; return session.counter }"


@pytest.fixture(scope="module")
def program(node: Path, valkey: Server) -> Iterator[Program]:
    program = Program(PROGRAM, node, valkey.port)
    yield program
    program.end()


@pytest.fixture
def visit(program: Program, valkey: Server) -> Iterator[Callable[..., Any]]:
    """What a handler over there answers to an update from the user 7 in the chat 100."""
    told = {"chat": {"id": 100}, "from": {"id": 7}}
    yield lambda js, **options: program.ask("visit", js=js, **{"update": told, **options})
    valkey.call("FLUSHALL")


@pytest.fixture(params=HALVES, ids=["blocking", "aio"])
def session(
    request: pytest.FixtureRequest, bridge: Bridge, valkey: Server
) -> Iterator[Callable[..., Any]]:
    """Sessions of ours with the store that both sides have."""
    store = request.param.RedisSessionStore(valkey.url)
    yield lambda **options: bridge.driven(request.param.session(store=store, **options))
    bridge.driven(store).close()


def update(chat: int = 100, user: int = 7) -> Any:
    return SimpleNamespace(chat=SimpleNamespace(id=chat), from_user=SimpleNamespace(id=user))


def counted(sessions: Any) -> int:
    with sessions.of(update()) as found:
        found["counter"] = found.get("counter", 0) + 1
        return int(found["counter"])


def test_both_go_on_with_one_session(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    sessions = session()
    for number in (1, 3, 5):
        assert visit(COUNTS) == number
        theirs = valkey.call("GET", NAME)
        assert theirs == b'{"counter":%d}' % number
        valkey.call("PEXPIRE", NAME, 5000)
        assert counted(sessions) == number + 1
        assert valkey.call("GET", NAME) == b'{"counter":%d}' % (number + 1)
        assert DAY_MS - 5000 < valkey.call("PTTL", NAME) <= DAY_MS

    assert visit(COUNTS, times=3) == 9
    assert counted(sessions) == 10
    assert valkey.call("KEYS", "*") == [NAME.encode()]


def test_what_the_other_side_set_is_read_as_it_is_meant(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    visit(
        "c => { c.session = { at: new Date(0), no: undefined, list: [1, , 'é\\u2028'], n: 1e21 } }"
    )
    theirs = valkey.call("GET", NAME)
    sessions = session()
    with sessions.of(update()) as found:
        # A date that is assigned is an object without entries there.
        assert found == {"at": {}, "list": [1, None, "é\u2028"], "n": 1e21}
        found["seen"] = {"by": "us"}
    assert valkey.call("GET", NAME) == theirs[:-1] + b',"seen":{"by":"us"}}'

    assert visit("c => [c.session.seen.by, c.session.list.length, c.session.n]") == ["us", 3, 1e21]


def test_scenes_and_wizards_go_on(visit: Callable[..., Any], session: Callable[..., Any]) -> None:
    visit(
        "({ session }) => { Object.assign(session, { __scene_id: 'order', __scene_state: { n: 1 },"
        " __wizard_id: 'sign up', __wizard_cursor: 1, __wizard_state: { name: 'Ann' } }) }"
    )
    assert counted(session()) == 1
    visit("({ session }) => { session.__wizard_cursor++; delete session.__scene_id }")

    assert session().get("100:7") == {
        "__scene_state": {"n": 1},
        "__wizard_id": "sign up",
        "__wizard_cursor": 2,
        "__wizard_state": {"name": "Ann"},
        "counter": 1,
    }


def test_each_side_takes_the_session_away_for_both(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    sessions = session()
    assert counted(sessions) == 1
    visit("c => { c.session = null }")
    assert valkey.call("EXISTS", NAME) == 0
    assert counted(sessions) == 1

    opened = sessions.of(update())
    with opened:
        opened.clear()
    assert valkey.call("EXISTS", NAME) == 0
    assert visit(COUNTS) == 1


@pytest.mark.parametrize("raw", [b"null", b"0", b'""', b"false"])
def test_what_is_no_session_to_one_is_none_to_the_other(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server, raw: bytes
) -> None:
    for counts in (lambda: visit(COUNTS), lambda: counted(session())):
        valkey.call("SET", NAME, raw)
        assert counts() == 1
        assert valkey.call("GET", NAME) == b'{"counter":1}'


def test_what_can_not_be_read_stays_for_both(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    valkey.call("SET", NAME, "{")
    assert visit(COUNTS) == "RedisStoreParseError"
    with pytest.raises(RedisStoreParseError):
        counted(session())
    assert valkey.call("GET", NAME) == b"{"

    valkey.call("SET", NAME, "[1]")
    assert visit("c => c.session.length") == 1  # which is an error here
    with pytest.raises(MismatchError):
        counted(session())


def test_a_handler_that_fails_changes_nothing_for_the_other(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    assert counted(session()) == 1
    assert visit("({ session }) => { session.counter = 5; throw new RangeError() }") == "RangeError"

    def fails(event: Any, found: dict[str, Any]) -> None:
        found["counter"] = 6
        raise LookupError

    with pytest.raises(LookupError):
        session().of(update()).run(fails)
    assert valkey.call("GET", NAME) == b'{"counter":1}'


def test_what_the_other_side_wrote_meanwhile_stays_with_what_we_changed(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    assert counted(session()) == 1
    with session().of(update()) as found:
        found["counter"] += 1
        found["name"] = "Ann"
        assert visit("c => Object.assign(c.session, { counter: 7, step: 'cart' }).step") == "cart"
    assert session().get("100:7") == {"counter": 2, "step": "cart", "name": "Ann"}

    with session().of(update()):
        visit("c => { c.session.step = 'paid' }")
    assert visit("c => c.session.step") == "paid"

    with session().of(update()) as found:
        found["counter"] += 1
        visit("c => { c.session = null }")
    assert session().get("100:7") == {"counter": 3, "step": "paid", "name": "Ann"}


def test_who_has_no_chat_has_no_session_on_either_side(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    for one in ({"from": {"id": 7}}, {"chat": {"id": 0}, "from": {"id": 7}}):
        assert visit("c => c.session === undefined", update=one) is True
    with session().of(update(0, 7)) as found:
        found["seen"] = True

    assert valkey.call("DBSIZE") == 0


def test_names_that_mean_something_in_javascript_do_no_harm_there(
    visit: Callable[..., Any], session: Callable[..., Any], valkey: Server
) -> None:
    opened = session().of(update())
    with opened:
        opened.replace({"__proto__": {"polluted": True}, "n": 1})
    kept = valkey.call("GET", NAME)
    assert kept == b'{"__proto__":{"polluted":true},"n":1}'

    assert visit("c => [c.session.n, {}.polluted === undefined]") == [1, True]
    assert valkey.call("GET", NAME) == kept
    visit("c => { c.session = c.session }")
    assert session().get("100:7") == {"n": 1}
