"""An id that Telegram does not take any more goes away, and the file is uploaded once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import storage
from storage.testing.threads import crowd
from tests.media.ground import GONE, BadRequest, Ground, Held, Telegram, in_line, message
from tests.waiting import until

CAT = b"what a cat looks like"
CROWD = 8


class Failure(Exception):
    """An error with members."""

    def __init__(self, text: str, **members: Any) -> None:
        super().__init__(text)
        vars(self).update(members)


class TelegramBadRequest(Exception):
    pass


class ApiTelegramException(Exception):
    pass


class OfAFramework(BadRequest):
    """A kind of it."""


def answered(**members: Any) -> dict[str, Any]:
    return {"ok": False, **members}


STALE: dict[str, Any] = {
    "wrong identifier": BadRequest("Wrong file identifier/HTTP URL specified"),
    "wrong id": BadRequest("Bad Request: wrong file_id or the file is temporarily unavailable"),
    "wrong remote id": BadRequest("Bad Request: wrong remote file identifier specified: wrong"),
    "unavailable": BadRequest("file is temporarily unavailable"),
    "of another type": BadRequest("Bad Request: can't use file of type Document as Photo"),
    "aiogram's": TelegramBadRequest(GONE),
    "pyTelegramBotAPI's": ApiTelegramException(GONE),
    "of a kind": OfAFramework(GONE),
    "an error code": Failure("no", error_code=400, description=GONE),
    "a code": Failure("no", code=400, message=GONE),
    "a status": Failure(GONE, status_code=400),
    "JSON": answered(error_code=400, description=GONE),
    "members": SimpleNamespace(ok=False, error_code=400, description=GONE),
}
FRESH: dict[str, Any] = {
    "another code": Failure(GONE, error_code=403, description=GONE),
    "a flood": Failure(GONE, error_code=429, description=GONE),
    "a name with another code": type("BadRequest", (Failure,), {})(GONE, error_code=500),
    "another reason": BadRequest("Bad Request: chat not found"),
    "another error": ValueError(GONE),
    "a store's": storage.StorageError(GONE),
    "JSON of another code": answered(error_code=403, description=GONE),
    "JSON of another reason": answered(error_code=400, description="chat not found"),
    "a caption": {"message_id": 1, "caption": GONE, "photo": []},
}


def told(outcome: Any) -> Callable[[Any], Any]:
    """What ends with *outcome* where it is called with an id, and uploads a file."""

    def call(file: Any) -> Any:
        if not isinstance(file, str):
            return message("photo", "fresh")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return call


@pytest.mark.parametrize("word", STALE)
def test_an_id_that_is_refused_is_replaced(memory: Ground, word: str) -> None:
    media = memory.media()
    media.set("photo", CAT, "stale")

    answer = media.send("photo", CAT, told(STALE[word]))

    assert answer == message("photo", "fresh")
    assert media.get("photo", CAT) == "fresh"


@pytest.mark.parametrize("word", FRESH)
def test_another_failure_is_the_callers_and_the_id_stays(memory: Ground, word: str) -> None:
    media = memory.media()
    media.set("photo", CAT, "good")
    outcome = FRESH[word]

    if isinstance(outcome, Exception):
        with pytest.raises(type(outcome)) as caught:
            media.send("photo", CAT, told(outcome))
        assert caught.value is outcome
    else:
        assert media.send("photo", CAT, told(outcome)) is outcome
    assert media.get("photo", CAT) == "good"


def test_a_refused_id_costs_one_upload_and_no_more(ground: Ground) -> None:
    telegram = Telegram()
    media = ground.media()
    media.send("photo", CAT, telegram.send)
    telegram.forget()

    media.send("photo", CAT, telegram.send)
    media.send("photo", CAT, telegram.send)

    assert telegram.files == [CAT, "id 1", CAT, "id 2"]
    assert list(ground.kept().values()) == ["id 2"]


def test_a_lifetime_begins_anew_with_a_new_id(ground: Ground) -> None:
    telegram = Telegram()
    media = ground.media(ttl=60)
    media.send("photo", CAT, telegram.send)
    ground.clock.tick(50)
    telegram.forget()
    media.send("photo", CAT, telegram.send)

    ground.clock.tick(50)
    assert media.get("photo", CAT) == "id 2"
    ground.clock.tick(11)
    assert media.get("photo", CAT) is None


@pytest.mark.parametrize("error", [BadRequest(GONE), ConnectionError("no network")], ids=repr)
def test_a_second_failure_is_the_callers_and_the_stale_id_is_gone(
    ground: Ground, error: Exception
) -> None:
    media = ground.media()
    media.set("photo", CAT, "stale")
    files: list[Any] = []

    def call(file: Any) -> Any:
        files.append(file)
        raise BadRequest(GONE) if file == "stale" else error

    with pytest.raises(type(error)) as caught:
        media.send("photo", CAT, call)

    assert caught.value is error
    assert files == ["stale", CAT]
    assert ground.kept() == {}


def test_an_upload_that_is_refused_is_not_tried_again(ground: Ground) -> None:
    files: list[Any] = []

    def call(file: Any) -> Any:
        files.append(file)
        return answered(error_code=400, description=GONE)

    assert ground.media().send("photo", CAT, call)["error_code"] == 400
    assert files == [CAT]


def test_an_id_that_another_one_has_stored_meanwhile_stays_and_is_sent(ground: Ground) -> None:
    media = ground.media()
    media.set("photo", CAT, "stale")
    files: list[Any] = []

    def call(file: Any) -> Any:
        files.append(file)
        if file == "stale":
            media.set("photo", CAT, "theirs")
            raise BadRequest(GONE)
        return message("photo", "never stored")

    media.send("photo", CAT, call)

    assert files == ["stale", "theirs"]
    assert media.get("photo", CAT) == "theirs"


def test_if_the_id_of_another_one_fails_as_well_that_is_the_callers(ground: Ground) -> None:
    media = ground.media()
    media.set("photo", CAT, "stale")

    def call(file: Any) -> Any:
        media.set("photo", CAT, "theirs")
        raise BadRequest(f"{GONE}: {file}")

    with pytest.raises(BadRequest, match="theirs"):
        media.send("photo", CAT, call)
    assert media.get("photo", CAT) == "theirs"


def test_what_is_stored_between_the_look_and_the_removal_stays(memory: Ground) -> None:
    """The removal is one step: it sees what it removes."""
    media = memory.media()
    media.set("photo", CAT, "stale")
    ids = getattr(media, "_thing", media)._ids
    plain = ids._drop

    def stored_before(key: str, stale: str) -> Any:
        memory.place.plant('"theirs"', f"~ns~media~{key}")
        return plain(key, stale)

    ids._drop = stored_before
    with pytest.raises(ConnectionError):
        media.send("photo", CAT, told_twice)

    assert media.get("photo", CAT) == "theirs"


def told_twice(file: Any) -> Any:
    raise BadRequest(GONE) if isinstance(file, str) else ConnectionError("no network")


def test_a_bot_may_say_what_is_stale(memory: Ground) -> None:
    seen: list[Any] = []

    def is_stale(outcome: Any) -> bool:
        seen.append(outcome)
        return "gone" in str(outcome)

    media = memory.media(is_stale=is_stale)
    gone, other = KeyError("gone"), BadRequest(GONE)
    media.set("photo", CAT, "good")

    with pytest.raises(BadRequest):
        media.send("photo", CAT, told(other))
    assert media.send("photo", CAT, told({"kept": 1})) == {"kept": 1}
    assert media.send("photo", CAT, told(gone)) == message("photo", "fresh")
    assert media.send("photo", CAT, told({"gone": 1})) == message("photo", "fresh")

    assert seen == [other, {"kept": 1}, gone, {"gone": 1}]


def test_an_interrupt_is_no_answer_of_telegram(memory: Ground) -> None:
    class Interrupt(BaseException):
        error_code = 400
        description = GONE

    interrupt = Interrupt()
    media = memory.media()
    media.set("photo", CAT, "good")

    def call(file: Any) -> Any:
        raise interrupt

    with pytest.raises(Interrupt):
        media.send("photo", CAT, call)
    assert media.get("photo", CAT) == "good"


def test_of_many_to_whom_one_id_is_refused_one_uploads(ground: Ground) -> None:
    """The others send the new id, and all of them have their answer."""
    telegram = Telegram()
    media = ground.media()
    media.set("photo", CAT, "stale")
    refused: list[str] = []
    upload = Held(media, CROWD - 1, telegram.send).call

    def call(file: Any) -> Any:
        if file == "stale":
            refused.append(file)
            until(lambda: len(refused) == CROWD, "a refusal for each")
            raise BadRequest(GONE)
        return telegram.send(file) if isinstance(file, str) else upload(file)

    answers = crowd([lambda: media.send("photo", CAT, call)] * CROWD)

    assert answers == [message("photo", "id 1")] * CROWD
    assert telegram.files == [CAT, *["id 1"] * (CROWD - 1)]
    assert in_line(media) == -1
    assert list(ground.kept().values()) == ["id 1"]


def test_who_waited_for_an_id_that_is_refused_uploads_once(memory: Ground) -> None:
    """It was not refused anything yet."""
    media = memory.media()
    files: list[Any] = []
    upload = Held(media, 1, lambda file: message("photo", "short-lived")).call

    def first(file: Any) -> Any:
        return upload(file)

    def second(file: Any) -> Any:
        files.append(file)
        if isinstance(file, str):
            raise BadRequest(GONE)
        return message("photo", "fresh")

    def later() -> Any:
        until(lambda: in_line(media) == 0, "the first one's turn")
        return media.send("photo", CAT, second)

    crowd([lambda: media.send("photo", CAT, first), later])

    assert files == ["short-lived", CAT]
    assert media.get("photo", CAT) == "fresh"
