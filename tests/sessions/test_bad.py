"""What can not be read, what can not be stored, and what was never an option."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from storage import (
    ConfigurationError,
    CorruptValueError,
    InvalidKeyError,
    MigrationError,
    MismatchError,
    SessionKey,
    UnstorableError,
    UnsupportedError,
    WrongTypeError,
)
from tests.fault.ground import SECRET
from tests.sessions.ground import Ground
from tests.sessions.kinds import DataVisit

BROKEN = [f'{{"a": "{SECRET}"', "", "\x00", '{"a":1}{', '{"a":NaN}']
NO_SESSIONS = ["null", "5", f'"{SECRET}"', "[]", "true"]


@pytest.mark.parametrize("text", [*BROKEN, *NO_SESSIONS])
def test_what_can_not_be_read_is_told_and_stays(lasting: Ground, text: str) -> None:
    if "\x00" in text and lasting.place.base._layers.label.startswith("sqlite"):
        text = "\x01"
    lasting.plant(text)
    sessions = lasting.sessions(wait=0)
    for read in (
        lambda: sessions.open("k").begin(),
        lambda: sessions.open("k").begin(),
        lambda: sessions.get("k"),
        lambda: sessions.inspect("k"),
        lambda: list(sessions.items()),
    ):
        with pytest.raises(CorruptValueError) as caught:
            read()
        assert caught.value.key == "k"
        assert caught.value.store == lasting.place.base._layers.label
        assert SECRET not in "".join(traceback.format_exception_only(caught.value))
        assert lasting.text() == text
    assert list(sessions.keys()) == ["k"]
    assert sessions.delete("k") is True


def test_what_is_no_session_says_what_it_is(ground: Ground) -> None:
    ground.plant([1, 2])
    with pytest.raises(MismatchError, match="a session is an object, and this is list") as caught:
        ground.sessions().get("k")
    assert caught.value.path == "$"


@pytest.mark.parametrize("text", ['{"a": 1', "[1]"])
def test_what_can_not_be_read_gives_way_where_that_is_asked_for(lasting: Ground, text: str) -> None:
    """When there is something to store; until then it stays."""
    lasting.plant(text)
    sessions = lasting.sessions(on_corrupt="reset", initial=lambda: {"n": 0})
    opened = sessions.open("k")
    with opened as session:
        assert session == {"n": 0}
        assert opened.is_new
    assert lasting.text() == text

    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["n"] = 1
        raise LookupError
    assert lasting.text() == text

    with sessions.open("k") as session:
        session["n"] = 1
    assert lasting.kept() == {"n": 1}


def test_to_clear_what_can_not_be_read_takes_it_away(lasting: Ground) -> None:
    lasting.plant("{")
    opened = lasting.sessions(on_corrupt="reset").open("k")
    with opened:
        opened.clear()
    assert lasting.text() is None


def test_a_function_may_say_what_takes_the_place_of_what_can_not_be_read(lasting: Ground) -> None:
    told: list[CorruptValueError] = []
    answers: list[Any] = [{"saved": 1}, None]

    def instead(error: CorruptValueError) -> Any:
        told.append(error)
        return answers[len(told) - 1]

    lasting.plant("{")
    sessions = lasting.sessions(on_corrupt=instead, initial=lambda: {"n": 0})
    for expected in ({"saved": 1}, {"n": 0}):
        with sessions.open("k") as session:
            assert session == expected
    assert [error.key for error in told] == ["k", "k"]
    assert lasting.text() == "{"

    answers.append({"saved": 2})
    with sessions.open("k") as session:
        session["n"] = 5
    assert lasting.kept() == {"saved": 2, "n": 5}


def test_a_function_that_gives_no_session_lets_the_next_one_come(memory: Ground) -> None:
    memory.plant("{")
    for wrong, error in (([1], WrongTypeError), ({"a": {1}}, UnstorableError)):
        sessions = memory.sessions(on_corrupt=lambda _, wrong=wrong: wrong, wait=0)
        for _ in range(2):
            with pytest.raises(error):
                sessions.open("k").begin()
    assert memory.text() == "{"


def test_a_look_never_resets_anything(lasting: Ground) -> None:
    lasting.plant("{")
    sessions = lasting.sessions(on_corrupt="reset")
    for read in (sessions.get, sessions.inspect):
        with pytest.raises(CorruptValueError):
            read("k")
    assert lasting.text() == "{"


def test_what_newer_code_wrote_is_never_reset(memory: Ground) -> None:
    base = memory.place.base
    newer = memory.half.enhance_storage(base, migrations={9: lambda data: data})
    older = memory.half.enhance_storage(base, migrations={1: lambda data: data})
    with memory.sessions(newer).open("k") as session:
        session["a"] = 1
    before = memory.text()
    sessions = memory.sessions(older, on_corrupt="reset", wait=0)
    for _ in range(2):
        with pytest.raises(MigrationError):
            sessions.open("k").begin()
    assert memory.text() == before


UNSTORABLE: list[tuple[Any, str]] = [
    ({1, 2}, r"\$\.cart\[1\]\.x"),
    (Decimal(1), r"\$\.cart\[1\]\.x"),
    (float("nan"), r"\$\.cart\[1\]\.x"),
    (object(), r"\$\.cart\[1\]\.x"),
    ({5: 1}, r"\$\.cart\[1\]\.x"),
]


@pytest.mark.parametrize(
    ("value", "path"), UNSTORABLE, ids=["set", "decimal", "nan", "object", "key"]
)
def test_what_can_not_be_stored_says_where_it_is_and_nothing_is_written(
    ground: Ground, value: Any, path: str
) -> None:
    ground.plant({"n": 1})
    sessions = ground.sessions(wait=0)
    with pytest.raises(UnstorableError, match=path) as caught, sessions.open("k") as session:  # noqa: PT012
        session["n"] = 2
        session["cart"] = [0, {"x": value}]

    assert caught.value.key == "k"
    assert ground.kept() == {"n": 1}
    with sessions.open("k") as session:
        assert session == {"n": 1}


def test_a_session_that_holds_itself_can_not_be_stored(memory: Ground) -> None:
    with pytest.raises(UnstorableError), memory.sessions().open("k") as session:
        session["me"] = session
    assert memory.kept() is None


def test_a_failing_handler_is_heard_rather_than_what_it_left(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = memory.sessions(on_error="save", wait=0)
    with pytest.raises(LookupError), sessions.open("k") as session:  # noqa: PT012
        session["a"] = {SECRET}
        raise LookupError

    assert "after a handler that failed" in caplog.text
    assert SECRET not in caplog.text
    with sessions.open("k") as session:
        assert session == {}


def test_what_a_function_of_the_bots_raises_is_not_quoted(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    def decide(member: str, ours: Any, theirs: Any) -> Any:
        raise LookupError(theirs)

    sessions = memory.sessions(on_error="save", lock=False, on_conflict=decide)
    with pytest.raises(ZeroDivisionError), sessions.open("k") as session:  # noqa: PT012
        with sessions.open("k") as other:
            other["a"] = SECRET
        session["a"] = 1
        raise ZeroDivisionError

    assert "key 'k': LookupError" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("name", ["__ttl", "__ends"])
def test_the_names_for_lifetimes_are_taken(ground: Ground, name: str) -> None:
    sessions = ground.sessions(wait=0)
    with (
        pytest.raises(UnstorableError, match=rf"\$\.{name}: this name is for the lifetimes"),
        sessions.open("k") as session,
    ):
        session[name] = 5
    with pytest.raises(UnstorableError, match=name):
        ground.sessions(initial=lambda: {name: {}}, wait=0).open("other").begin()
    with sessions.open("k") as session:
        session["deep"] = {name: 5}
    assert ground.kept() == {"deep": {name: 5}}


async def coroutine(*_: object) -> None:
    """What a plain function can not be."""


LATE = datetime(2999, 1, 1, tzinfo=timezone.utc)
OPTIONS: list[tuple[dict[str, Any], Any]] = [
    ({"initial": None}, TypeError),
    ({"initial": {"n": 0}}, TypeError),
    ({"kind": 5}, TypeError),
    ({"key": "chat"}, TypeError),
    ({"key": coroutine}, TypeError),
    *[({option: wrong}, ValueError) for option in ("ttl", "max_age") for wrong in (0, -1, True)],
    *[({option: float("nan")}, ValueError) for option in ("ttl", "max_age", "lease", "wait")],
    *[({option: LATE}, (ValueError, TypeError)) for option in ("ttl", "max_age", "lease", "wait")],
    *[({option: "5"}, TypeError) for option in ("ttl", "max_age", "lease", "wait")],
    *[({"lease": wrong}, (ValueError, TypeError)) for wrong in (0, -1, None, True)],
    *[({"wait": wrong}, (ValueError, TypeError)) for wrong in (-1, True)],
    *[({"on_error": wrong}, ValueError) for wrong in ("raise", None, print)],
    *[({"on_corrupt": wrong}, ValueError) for wrong in ("skip", None, {})],
    *[({"on_conflict": wrong}, ValueError) for wrong in ("merge", None, {})],
    ({"on_conflict": coroutine}, TypeError),
    *[({"lock": wrong}, ValueError) for wrong in (None, True, 0, "yes", "")],
    ({"locks": 5}, ConfigurationError),
    ({"locks": {}}, UnsupportedError),
    ({"locks": {}, "lock": False}, ConfigurationError),
    ({"namespace": 5}, (TypeError, ValueError)),
    ({"namespace": "\ud800"}, InvalidKeyError),
    ({"prefix": "a"}, TypeError),
]


@pytest.mark.parametrize(
    ("options", "error"),
    [pytest.param(*one, id=f"{number} {' '.join(one[0])}") for number, one in enumerate(OPTIONS)],
)
def test_an_option_that_can_not_be_is_refused_before_anything_is_touched(
    memory: Ground, tmp_path: Path, options: Any, error: Any
) -> None:
    file = tmp_path / "bot.db"
    store = memory.half.SqliteStorage(file)
    before = file.read_bytes()
    with pytest.raises(error):
        memory.half.Sessions(store, **options)

    assert file.read_bytes() == before
    memory.bridge.driven(store).close()


@pytest.mark.parametrize("store", [None, 5, "redis://", object], ids=str)
def test_what_is_no_store_has_no_sessions(memory: Ground, store: Any) -> None:
    with pytest.raises(ConfigurationError):
        memory.half.Sessions(store)


CALLS: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("a number", lambda sessions: sessions.open(5), InvalidKeyError),
    ("bytes", lambda sessions: sessions.open(b"k", lazy=True), InvalidKeyError),
    ("a tuple", lambda sessions: sessions.open((100, 7)), InvalidKeyError),
    ("a surrogate", lambda sessions: sessions.open("\ud800"), InvalidKeyError),
    ("get", lambda sessions: sessions.get(None), InvalidKeyError),
    ("inspect", lambda sessions: sessions.inspect(5), InvalidKeyError),
    ("delete", lambda sessions: sessions.delete(5), InvalidKeyError),
    ("of a wrong key", lambda sessions: sessions.of(5), InvalidKeyError),
    ("delete all of nobody", lambda sessions: sessions.delete_all(), ValueError),
    ("delete all of None", lambda sessions: sessions.delete_all(chat=None), ValueError),
    ("delete all of a list", lambda sessions: sessions.delete_all(chat=[1]), TypeError),
    ("keys of a flag", lambda sessions: sessions.keys(chat=True), TypeError),
    ("keys of an empty part", lambda sessions: sessions.keys(user=""), ValueError),
    ("a part that is none", lambda sessions: sessions.keys(chatt=1), ValueError),
    ("items of such a part", lambda sessions: sessions.items(chatt=None), ValueError),
    ("count of such a part", lambda sessions: sessions.count(chatt=1), ValueError),
    ("delete all of such a part", lambda sessions: sessions.delete_all(chatt=1), ValueError),
]


@pytest.mark.parametrize(("call", "error"), [pytest.param(*one, id=name) for name, *one in CALLS])
def test_a_bad_argument_is_refused_before_anything_is_touched(
    memory: Ground, call: Any, error: Any
) -> None:
    sessions = memory.sessions(key=lambda event: event)
    memory.place.plain.close()
    with pytest.raises(error):
        call(sessions)


def test_sessions_that_do_not_know_the_key_of_an_event_say_so(memory: Ground) -> None:
    with pytest.raises(ConfigurationError, match="key=keyed_by"):
        memory.sessions().of("event")


def test_no_error_shows_what_is_in_a_session(memory: Ground) -> None:
    memory.plant({"step": SECRET, "tags": [SECRET]})
    for sessions in (memory.sessions(initial=DataVisit), memory.sessions(kind=dict[str, int])):
        with pytest.raises(MismatchError) as caught:
            sessions.get("k")
        assert SECRET not in "".join(traceback.format_exception(caught.value))
    opened = memory.sessions().open("k")
    opened.begin()
    assert SECRET not in repr(opened)
    opened.end()


def test_a_closed_store_has_no_sessions(memory: Ground) -> None:
    sessions = memory.sessions()
    memory.place.plain.close()
    for call in (
        lambda: sessions.open("k").begin(),
        lambda: sessions.get("k"),
        lambda: sessions.inspect("k"),
        lambda: sessions.delete("k"),
        sessions.count,
        lambda: sessions.delete_all(chat=1),
    ):
        with pytest.raises(memory.half.ClosedError):
            call()


def test_a_key_that_is_none_is_told_from_a_key_called_so(memory: Ground) -> None:
    with memory.sessions().open("None") as session:
        session["a"] = 1
    with memory.sessions().open(SessionKey("None")) as session:
        assert session == {"a": 1}
