"""A file is uploaded once, and sent by its id after that."""

from __future__ import annotations

import hashlib
import io
import logging
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

import storage
import storage.aio
from storage.testing import Bridge
from storage.uploads import _CHUNK, _SMALL
from tests.media import ground as grounds
from tests.media.ground import Ground, Telegram, message
from tests.servers import Server
from tests.servers.counting import counted

CAT = b"what a cat looks like"
METHODS = {
    "photo": "sendPhoto",
    "video": "sendVideo",
    "animation": "sendAnimation",
    "video_note": "sendVideoNote",
    "audio": "sendAudio",
    "document": "sendDocument",
    "sticker": "sendSticker",
    "voice": "sendVoice",
}


def test_a_file_is_uploaded_once_and_sent_by_its_id_after_that(ground: Ground) -> None:
    telegram = Telegram()
    media = ground.media()

    answers = [media.send("photo", CAT, telegram.send) for _ in range(3)]

    assert telegram.files == [CAT, "id 1", "id 1"]
    assert answers == [message("photo", "id 1")] * 3


def test_the_id_is_kept_under_the_bot_the_method_and_the_hash_of_the_content(
    ground: Ground,
) -> None:
    ground.media(bot=42).send("photo", CAT, Telegram().send)

    digest = hashlib.sha256(CAT).hexdigest()
    assert ground.kept() == {f"42:photo:{digest}": "id 1"}
    assert ground.media(bot="42").key_of("photo", CAT) == f"42:photo:{digest}"


@pytest.mark.parametrize("method", METHODS)
def test_each_way_of_sending_has_ids_of_its_own_however_it_is_spelled(
    memory: Ground, method: str
) -> None:
    telegram = Telegram(method)
    media = memory.media()
    for other in METHODS:
        if other != method:
            media.set(other, CAT, f"the id of a {other}")

    for spelled in (method, f"send_{method}", METHODS[method]):
        media.send(spelled, CAT, telegram.send)

    assert telegram.files == [CAT, "id 1", "id 1"]
    assert media.get(method, CAT) == "id 1"
    assert len(memory.kept()) == len(METHODS)


def test_an_id_is_good_for_one_bot(ground: Ground) -> None:
    ours, theirs = ground.media(bot="ours"), ground.media(bot="theirs")

    ours.send("photo", CAT, Telegram().send)

    assert (ours.get("photo", CAT), theirs.get("photo", CAT)) == ("id 1", None)


def test_an_id_can_be_got_kept_and_forgotten_by_hand(ground: Ground) -> None:
    media = ground.media()
    assert media.get("photo", CAT) is None
    assert media.forget("photo", CAT) is False

    media.set("photo", CAT, "AgAC")

    assert media.get("photo", CAT) == "AgAC"
    assert media.send("photo", CAT, lambda file: file) == "AgAC"
    assert media.forget("photo", CAT) is True
    assert media.get("photo", CAT) is None


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
def test_a_file_whose_id_is_known_costs_one_trip_and_one_that_is_uploaded_three(
    half: Any, valkey: Server
) -> None:
    telegram = Telegram()
    costs: list[int] = []
    with Bridge() as bridge:
        store = half.RedisStorage(valkey.url, prefix="media:")
        media = bridge.driven(half.MediaCache(store, bot="support"))
        media.get("photo", b"whatever opens a connection")
        for _ in range(2):
            with counted(valkey.connect) as calls:
                media.send("photo", CAT, telegram.send)
            costs.append(len(calls))
        bridge.driven(store).close()
    valkey.call("FLUSHALL")

    assert costs == [3, 1]


def test_ids_end_with_their_lifetime(ground: Ground) -> None:
    telegram = Telegram()
    media = ground.media(ttl=timedelta(minutes=1))
    media.send("photo", CAT, telegram.send)
    media.set("photo", b"a dog", "a day", ttl=86400)
    ground.clock.tick(59)
    media.send("photo", CAT, telegram.send)

    ground.clock.tick(2)
    media.send("photo", CAT, telegram.send)

    assert telegram.files == [CAT, "id 1", CAT]
    assert media.get("photo", b"a dog") == "a day"


def test_unless_told_ids_live_as_long_as_the_store_says(ground: Ground) -> None:
    ground.media().send("photo", CAT, Telegram().send)

    assert ground.store.namespace("media").expires_at(ground.media().key_of("photo", CAT)) is None


def test_a_cache_may_have_another_namespace_or_none(memory: Ground) -> None:
    memory.media(namespace="files").set("photo", CAT, "AgAC")
    memory.media(namespace=None).set("photo", CAT, "AgAD")

    assert list(memory.kept("files").values()) == ["AgAC"]
    assert list(dict(memory.store.items()).values()) == ["AgAD"]


def same(content: bytes, folder: Path) -> dict[str, Callable[[], Any]]:
    """*content* in all the ways in which it can be handed over."""
    path = folder / "cat.jpg"
    path.write_bytes(content)
    wide = memoryview(content).cast("B")

    def spooled() -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile()  # noqa: SIM115 - it is closed by who sends it
        file.write(content)
        file.seek(0)
        return file

    def twice() -> memoryview:
        """A view of every second byte."""
        doubled = bytearray(2 * len(content))
        doubled[::2] = content
        return memoryview(doubled)[::2]

    return {
        "bytes": lambda: content,
        "bytearray": lambda: bytearray(content),
        "memoryview": lambda: wide,
        "a view with gaps": twice,
        "a path": lambda: path,
        "another path": lambda: grounds.Path(path),
        "a file": lambda: path.open("rb"),
        "a file in memory": lambda: io.BytesIO(content),
        "a raw file": lambda: path.open("rb", buffering=0),
        "a spooled file": spooled,
    }


@pytest.mark.parametrize("size", [1, _SMALL, _SMALL + 1, 2 * _CHUNK + 1])
def test_the_same_content_is_the_same_file_however_it_is_handed_over(
    memory: Ground, folder: Path, size: int
) -> None:
    content = bytes(number % 251 for number in range(size))
    media = memory.media()
    media.set("photo", content, "AgAC")

    for word, source in same(content, folder).items():
        file = source()
        assert media.get("photo", file) == "AgAC", word
        assert media.key_of("photo", file) == f"support:photo:{hashlib.sha256(content).hexdigest()}"
        if hasattr(file, "close"):
            file.close()


def test_other_content_is_another_file(memory: Ground) -> None:
    media = memory.media()
    media.set("photo", b"a" * (_CHUNK + 1), "AgAC")

    assert media.get("photo", b"a" * _CHUNK) is None
    assert media.get("photo", b"a" * _CHUNK + b"b") is None
    assert media.get("photo", b"b" + b"a" * _CHUNK) is None


def test_what_is_uploaded_is_what_was_handed_over(memory: Ground, folder: Path) -> None:
    media = memory.media()
    for number, source in enumerate(same(CAT, folder).values()):
        media.forget("photo", CAT)
        file = source()
        telegram = Telegram()

        media.send("photo", file, telegram.send)

        assert telegram.files[0] is file, number
        if hasattr(file, "close"):
            file.close()


def test_a_file_is_sent_from_where_it_stands(memory: Ground, folder: Path) -> None:
    path = folder / "cat.jpg"
    path.write_bytes(b"a head" + CAT)
    read: list[bytes] = []

    def call(file: IO[bytes]) -> dict[str, Any]:
        read.append(file.read())
        return message("photo", "AgAC")

    with path.open("rb") as file:
        file.seek(6)
        memory.media().send("photo", file, call)

    assert read == [CAT]
    assert memory.media().get("photo", CAT) == "AgAC"


def test_a_file_stands_where_it_stood_when_its_id_was_sent(memory: Ground) -> None:
    media = memory.media()
    media.set("photo", CAT, "AgAC")
    file = io.BytesIO(b"a head" + CAT)
    file.seek(6)

    media.send("photo", file, lambda known: known)

    assert file.tell() == 6


def test_a_url_is_known_by_its_text_which_is_never_stored_or_logged(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    telegram = Telegram()
    url = "https://example.org/cat.jpg?token=hunter2"
    media = memory.media()

    with caplog.at_level(logging.DEBUG, "storage"):
        for _ in range(2):
            media.send("photo", url, telegram.send)
        media.send("photo", url, lambda file: "no id here")

    assert telegram.files == [url, "id 1"]
    [key] = memory.kept()
    assert key == f"support:photo:url:{hashlib.sha256(url.encode()).hexdigest()}"
    assert "example.org" not in caplog.text
    assert "hunter2" not in caplog.text


def test_a_file_that_holds_a_url_is_not_what_is_found_there(memory: Ground) -> None:
    media = memory.media()
    media.set("document", "https://example.org/", "AgAC")

    assert media.get("document", b"https://example.org/") is None


def sizes(*areas: tuple[int, int]) -> list[dict[str, Any]]:
    return [
        {"file_id": f"{width}x{height}", "width": width, "height": height}
        for width, height in areas
    ]


ANSWERS: dict[str, tuple[str, Any, str | None]] = {
    "the largest size of a photo": ("photo", {"photo": sizes((9, 9), (90, 90), (30, 30))}, "90x90"),
    "the last one of the largest": (
        "photo",
        {"photo": [*sizes((9, 9)), {"file_id": "last", "width": 9, "height": 9}]},
        "last",
    ),
    "sizes that are not told": ("photo", {"photo": [{"file_id": "a"}, {"file_id": "b"}]}, "b"),
    "a tuple of sizes": ("photo", {"photo": tuple(sizes((9, 9), (90, 90)))}, "90x90"),
    "a photo without sizes": ("photo", {"photo": {"file_id": "AgAC"}}, "AgAC"),
    "no sizes": ("photo", {"photo": []}, None),
    "members": ("voice", SimpleNamespace(voice=SimpleNamespace(file_id="AwAC")), "AwAC"),
    "an envelope": ("voice", {"ok": True, "result": {"voice": {"file_id": "AwAC"}}}, "AwAC"),
    "an envelope with members": (
        "voice",
        SimpleNamespace(ok=True, result=SimpleNamespace(voice={"file_id": "AwAC"})),
        "AwAC",
    ),
    "an animation": (
        "animation",
        {"animation": {"file_id": "CgAC"}, "document": {"file_id": "BQAC"}},
        "CgAC",
    ),
    "an animation as a document": ("animation", {"document": {"file_id": "BQAC"}}, "BQAC"),
    "a document that became an animation": (
        "document",
        {"animation": {"file_id": "CgAC"}, "document": {"file_id": "BQAC"}},
        "BQAC",
    ),
    "a video that became an animation": ("video", {"animation": {"file_id": "CgAC"}}, None),
    "a video note": ("video_note", {"video_note": {"file_id": "DQAC"}}, "DQAC"),
    "a failure": ("voice", {"ok": False, "error_code": 500, "description": "no"}, None),
    "a failure with a result": (
        "voice",
        {"ok": False, "result": {"voice": {"file_id": "A"}}},
        None,
    ),
    "an album": ("photo", [{"photo": sizes((9, 9))}], None),
    "nothing": ("photo", None, None),
    "a text": ("photo", "sent", None),
    "an id that is none": ("voice", {"voice": {"file_id": 5}}, None),
    "an empty id": ("voice", {"voice": {"file_id": ""}}, None),
}


@pytest.mark.parametrize("word", ANSWERS)
def test_the_id_is_found_in_what_frameworks_answer(
    memory: Ground, caplog: pytest.LogCaptureFixture, word: str
) -> None:
    """And the answer is given back, whether there is an id in it or not."""
    method, answer, file_id = ANSWERS[word]
    media = memory.media()

    with caplog.at_level(logging.INFO, "storage"):
        given = media.send(method, CAT, lambda file: answer)

    assert given == answer
    assert media.get(method, CAT) == file_id
    assert caplog.messages == ([] if file_id else [NO_ID.format(method)])


NO_ID = "memory: the answer to what was sent as {} has no file_id, so nothing is stored"


def test_the_first_answer_without_an_id_is_a_warning(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as that of a function which forgets to return one; there may be many."""
    media = memory.media()

    with caplog.at_level(logging.INFO, "storage"):
        for _ in range(3):
            media.send("photo", CAT, lambda file: None)

    assert caplog.messages == [NO_ID.format("photo")] * 3
    assert [one.levelno for one in caplog.records] == [logging.WARNING, logging.INFO, logging.INFO]


def test_an_id_may_be_found_by_a_function_of_the_bots(memory: Ground) -> None:
    media = memory.media(file_id_of=lambda answer: answer["mine"])
    found: list[Any] = ["AgAC", None, "", 5]

    for number, mine in enumerate(found):
        media.send("photo", b"%d" % number, lambda file, mine=mine: {"mine": mine})

    assert [media.get("photo", b"%d" % number) for number in range(4)] == ["AgAC", None, None, None]


def test_an_error_is_raised_as_it_is_and_nothing_is_stored(ground: Ground) -> None:
    class FloodError(Exception):
        pass

    error = FloodError("too much")
    media = ground.media()

    def fail(file: object) -> None:
        raise error

    with pytest.raises(FloodError) as caught:
        media.send("photo", CAT, fail)

    assert caught.value is error
    assert ground.kept() == {}
    assert media.send("photo", CAT, Telegram().send) == message("photo", "id 1")


def test_in_a_typed_store_ids_are_texts_all_the_same(memory: Ground) -> None:
    typed = memory.place.base.typed(int)
    media = memory.media(store=typed)

    media.send("photo", CAT, Telegram().send)

    assert media.get("photo", CAT) == "id 1"


def test_a_mapping_will_do_and_says_that_nothing_ends_there(memory: Ground) -> None:
    values: dict[str, Any] = {}
    media = memory.media(store=values)

    media.send("photo", CAT, Telegram().send)

    assert list(values.values()) == ["id 1"]
    with pytest.raises(storage.UnsupportedError, match="nothing expires here"):
        memory.media(store=values, ttl=60)


def test_what_is_kept_and_no_id_is_told_and_stays(memory: Ground) -> None:
    media = memory.media()
    key = media.key_of("photo", CAT)
    memory.store.namespace("media").set(key, {"file_id": "AgAC"})

    for ask in (lambda: media.get("photo", CAT), lambda: media.send("photo", CAT, sent_nothing)):
        with pytest.raises(storage.CorruptValueError) as caught:
            ask()
        assert caught.value.key == key
        assert "AgAC" not in str(caught.value)
    assert memory.kept() == {key: {"file_id": "AgAC"}}
    media.set("photo", CAT, "AgAD")
    assert media.get("photo", CAT) == "AgAD"


def sent_nothing(file: object) -> None:
    pytest.fail("it is not called")


def test_who_sends_a_file_while_sending_it_is_told(memory: Ground) -> None:
    media = memory.media()

    def call(file: object) -> Any:
        return media.send("photo", CAT, sent_nothing)

    with pytest.raises(storage.ReentryError):
        media.send("photo", CAT, call)
    assert memory.kept() == {}


def test_a_cache_says_where_it_is_and_not_of_whom(memory: Ground) -> None:
    assert repr(memory.media(bot="hunter2")) == "<MediaCache of memory>"
