"""GramIO's media cache: its keys, made of text as JavaScript reads it, and filled."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.compat.gramio
import storage.compat.gramio
from storage.testing import Bridge
from tests.leases.ground import run
from tests.media.ground import GONE, BadRequest, Telegram, message
from tests.servers import Server
from tests.wire.program import Ask, Program

WIRE = Path(__file__).parents[1] / "wire"
GOLDEN: list[dict[str, str]] = json.loads((WIRE / "media.json").read_text(encoding="utf-8"))[
    "files"
]
CAT = b"what a cat looks like"
KEY = hashlib.md5(b"cat.jpg21what a cat looks like").hexdigest()

BYTES = bytes.fromhex("00 41 80 bf c0 c3 a9 e0 a0 ed e2 82 ac ef bb bf f0 90 9f 98 80 f4 f5 ff")
"""Of which text that is broken in every way is made."""

NAMES = ["cat.jpg", "кот", "😀", "", "a:b/c", "\ufeff", "5"]


@pytest.fixture
def media(half: Any, bridge: Bridge) -> Callable[..., Any]:
    """Makes a cache by plain calls."""
    return lambda **options: bridge.driven(half.compat.gramio.media_cache(**options))


@pytest.fixture
def kept(half: Any, drive: Callable[[Any], Any]) -> Any:
    """Where ids are kept."""
    return drive(half.compat.gramio.in_memory_storage())


@pytest.fixture
def ours(media: Callable[..., Any], kept: Any) -> Any:
    """A cache over that."""
    return media(storage=getattr(kept, "_thing", kept))


@pytest.fixture
def ask(valkey: Server, node: Path) -> Iterator[Ask]:
    """Asks the program in JavaScript."""
    program = Program(WIRE / "media.mjs", node, valkey.port)
    yield program.ask
    program.end()
    valkey.call("FLUSHALL")


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file["name"] or "no name")
def test_a_key_is_made_of_the_name_the_size_and_the_text(ours: Any, file: dict[str, str]) -> None:
    content = bytes.fromhex(file["content"])

    for source in (content, io.BytesIO(content)):
        assert ours.key_of("photo", source, name=file["name"]) == file["key"]


def test_the_program_makes_the_golden_keys(ask: Ask) -> None:
    made = [ask("key", name=file["name"], content=file["content"]) for file in GOLDEN]

    assert made == [file["key"] for file in GOLDEN]


def test_bytes_that_are_no_text_have_the_keys_of_the_program(ask: Ask) -> None:
    chosen = random.Random(7)
    media = storage.compat.gramio.media_cache()
    for number in range(1500):
        size = chosen.randrange(12)
        one = chosen.randbytes(size) if number % 3 == 0 else bytes(chosen.choices(BYTES, k=size))
        name = "".join(chosen.choices(NAMES, k=2))
        made = ask("key", name=name, content=one.hex())
        assert media.key_of("photo", one, name=name) == made, (name, one.hex())


def test_half_a_character_in_a_name_is_none(ask: Ask) -> None:
    media = storage.compat.gramio.media_cache()
    for name in ("\ud83d", "\ude00\ud83d", "a\ud83db", "\ud83d\ude00"):
        made = ask("key", name=name, content="41")
        assert media.key_of("photo", b"A", name=name) == made, ascii(name)


def test_what_the_program_stores_is_found_here_and_the_other_way_round(
    half: Any, bridge: Bridge, drive: Callable[[Any], Any], valkey: Server, ask: Ask
) -> None:
    store = half.compat.gramio.redis_storage(valkey.url)
    drive(store)
    media = bridge.driven(half.compat.gramio.media_cache(storage=store))
    ask("store", name="cat.jpg", content=CAT.hex(), id="AgAC")

    assert media.send("photo", CAT, lambda file: file, name="cat.jpg") == "AgAC"
    media.send("document", CAT, lambda file: message("document", "BQAC"), name="manual.pdf")

    assert ask("find", name="manual.pdf", content=CAT.hex()) == "BQAC"
    manual = hashlib.md5(b"manual.pdf21" + CAT).hexdigest()
    assert {valkey.call("GET", name) for name in (KEY, manual)} == {b'"AgAC"', b'"BQAC"'}


def test_a_file_is_uploaded_once_under_a_bare_key(ours: Any, kept: Any) -> None:
    telegram = Telegram()

    for _ in range(3):
        ours.send("sendPhoto", CAT, telegram.send, name="cat.jpg")

    assert telegram.files == [CAT, "id 1", "id 1"]
    assert dict(kept.items()) == {KEY: "id 1"}


def test_a_file_is_called_what_it_is_called_unless_a_name_is_said(
    ours: Any, tmp_path: Path
) -> None:
    path = tmp_path / "cat.jpg"
    path.write_bytes(CAT)
    unnamed = ours.key_of("photo", CAT, name="file.buffer")

    assert ours.key_of("photo", path) == KEY
    with path.open("rb") as file:
        assert ours.key_of("photo", file) == KEY
        assert ours.key_of("photo", file, name="dog.jpg") != KEY
    assert ours.key_of("photo", path, name="file.buffer") == unnamed
    assert ours.key_of("photo", CAT) == unnamed
    assert ours.key_of("photo", io.BytesIO(CAT)) == unnamed
    with tempfile.TemporaryFile() as nameless:
        nameless.write(CAT)
        nameless.seek(0)
        assert ours.key_of("photo", nameless) == unnamed


def test_a_file_sent_otherwise_takes_over_the_key(ours: Any) -> None:
    """The layout has no place for how a file was sent."""
    ours.send("document", CAT, lambda file: message("document", "BQAC"), name="cat.jpg")
    assert ours.get("photo", CAT, name="cat.jpg") == "BQAC"

    def send_photo(file: Any) -> Any:
        if file == "BQAC":
            raise BadRequest("Bad Request: can't use file of type Document as Photo")
        return message("photo", "AgAC")

    ours.send("photo", CAT, send_photo, name="cat.jpg")

    assert ours.get("document", CAT, name="cat.jpg") == "AgAC"


def test_an_id_can_be_got_kept_and_forgotten_by_hand(ours: Any) -> None:
    ours.set("photo", CAT, "AgAC", name="cat.jpg")

    assert ours.get("photo", CAT, name="cat.jpg") == "AgAC"
    assert ours.get("photo", CAT, name="dog.jpg") is None
    assert ours.forget("photo", CAT, name="cat.jpg") is True
    assert ours.forget("photo", CAT, name="cat.jpg") is False


def test_what_gramio_leaves_empty_is_no_id(ours: Any, kept: Any) -> None:
    telegram = Telegram()
    kept.set(KEY, "")
    assert ours.get("photo", CAT, name="cat.jpg") is None

    ours.send("photo", CAT, telegram.send, name="cat.jpg")

    assert telegram.files == [CAT]
    assert kept.get(KEY) == "id 1"


def test_the_options_are_those_of_a_media_cache(media: Callable[..., Any], half: Any) -> None:
    blocking = half is storage
    one = media(ttl=60, is_stale=None, file_id_of=None, on_error="raise")

    one.send("photo", CAT, Telegram().send)

    assert one.get("photo", CAT) == "id 1"
    assert repr(one) == "<MediaCache of memory>"
    with pytest.raises(ValueError, match="on_error"):
        media(on_error="skip")
    if blocking:
        with pytest.raises(storage.UnsupportedError):
            media(storage={}, ttl=60)


def test_what_can_not_be_sent_is_refused(ours: Any, kept: Any, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(ValueError, match="no URLs"):
        ours.send("photo", "https://example.org/cat.jpg", pytest.fail)
    with pytest.raises(TypeError, match="name must be a str, not bytes"):
        ours.send("photo", missing, pytest.fail, name=b"cat.jpg")
    with pytest.raises(ValueError, match="method must be one of photo"):
        ours.send("sendMediaGroup", missing, pytest.fail)
    with pytest.raises(TypeError, match="source must be bytes"):
        ours.get("photo", 5)
    with pytest.raises(FileNotFoundError):
        ours.send("photo", missing, pytest.fail)
    assert list(kept.keys()) == []


def test_what_sends_a_file_may_be_awaited() -> None:
    async def work() -> list[Any]:
        media = storage.aio.compat.gramio.media_cache()
        files: list[Any] = []

        async def call(file: Any) -> Any:
            files.append(file)
            if len(files) == 2:
                raise BadRequest(GONE)
            return message("photo", f"id {len(files)}")

        for _ in range(2):
            await media.send("photo", CAT, call)
        return [*files, await media.get("photo", CAT)]

    assert run(work()) == [CAT, "id 1", CAT, "id 3"]
