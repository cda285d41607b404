"""What can not be sent is refused before anything is read, stored or called."""

from __future__ import annotations

import codecs
import gc
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import storage
import storage.compat.gramio
from tests.fault.ground import chain
from tests.media.ground import Ground, message

CAT = b"what a cat looks like"
TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"

OPERATIONS: dict[str, Callable[..., Any]] = {
    "send": lambda media, method, source: media.send(method, source, never),
    "get": lambda media, method, source: media.get(method, source),
    "set": lambda media, method, source: media.set(method, source, "AgAC"),
    "forget": lambda media, method, source: media.forget(method, source),
    "key_of": lambda media, method, source: media.key_of(method, source),
}


def never(file: object) -> None:
    pytest.fail("it is not called")


@pytest.mark.parametrize(
    "bot", [TOKEN, f" {TOKEN}", f"https://api.telegram.org/bot{TOKEN}/", "1:a"]
)
def test_a_token_is_no_name_of_a_bot_and_no_error_shows_it(memory: Ground, bot: str) -> None:
    with pytest.raises(ValueError, match="looks like its token") as caught:
        memory.media(bot=bot)

    assert "AAHdq" not in str(caught.value)
    assert "110201543" not in repr(caught.value)


@pytest.mark.parametrize("bot", [None, True, 4.2, b"support", ["support"]], ids=repr)
def test_a_bot_is_an_id_or_a_name(memory: Ground, bot: Any) -> None:
    with pytest.raises(TypeError, match="bot must be an int or a str"):
        memory.media(bot=bot)


def test_a_bot_has_a_name_that_can_stand_in_a_key(memory: Ground) -> None:
    with pytest.raises(ValueError, match="not an empty text"):
        memory.media(bot="")
    with pytest.raises(storage.InvalidKeyError):
        memory.media(bot="\ud800")
    assert memory.media(bot="bot: the 2nd").key_of("photo", CAT).startswith("bot: the 2nd:photo:")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"on_error": "skip"}, ValueError, "on_error must be 'send' or 'raise'"),
        ({"ttl": 0}, ValueError, "positive"),
        ({"ttl": "60"}, TypeError, "the ttl of a store"),
        ({"ttl": storage.KEEP}, ValueError, "the ttl of a store"),
        ({"namespace": ""}, storage.ConfigurationError, "a namespace needs a name"),
        ({"is_stale": 5}, TypeError, "is_stale must be a function, not int"),
        ({"file_id_of": "AgAC"}, TypeError, "file_id_of must be a function, not str"),
        ({"store": 5}, storage.ConfigurationError, "can not be a store"),
    ],
    ids=repr,
)
def test_a_cache_is_made_of_what_makes_sense(
    memory: Ground, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        memory.media(**options)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("method", ["", "cat", "Photo", "sendphoto", "sendMediaGroup", "send_"])
def test_a_method_that_sends_no_file_is_refused_with_those_that_do(
    memory: Ground, operation: str, method: str
) -> None:
    with pytest.raises(ValueError, match="one of photo, video, animation, video_note, audio"):
        OPERATIONS[operation](memory.media(), method, CAT)
    with pytest.raises(TypeError, match="method must be a str"):
        OPERATIONS[operation](memory.media(), 5, CAT)


class Awaited:
    """A file as it is to who never waits."""

    async def read(self, size: int = -1) -> bytes:
        return CAT

    async def seek(self, where: int, whence: int = 0) -> int:
        return where

    async def tell(self) -> int:
        return 0


def sources(folder: Path) -> dict[str, tuple[Any, type[Exception], str]]:
    """What can not be sent, and what is said of it."""
    text = folder / "text"
    text.write_text("hello", encoding="utf-8")
    reader, writer = os.pipe()
    os.close(writer)
    closed = io.BytesIO()
    closed.close()
    return {
        "nothing": (None, TypeError, "source must be bytes, a path, a binary file or the URL"),
        "a number": (5, TypeError, "not int"),
        "a list": ([CAT], TypeError, "not list"),
        "a name of a file": ("cat.jpg", ValueError, "hand over a pathlib.Path"),
        "half of a character": ("https://\ud800", ValueError, "lone surrogate"),
        "a text in memory": (io.StringIO("hello"), TypeError, "binary mode"),
        "a file of text": (text.open(encoding="utf-8"), TypeError, "binary mode"),
        "a reader of text": (codecs.open(str(text), encoding="utf-8"), TypeError, "binary mode"),
        "a file to await": (Awaited(), TypeError, "wants to be awaited: hand over its path"),
        "a pipe": (open(reader, "rb"), ValueError, "hand over its bytes"),  # noqa: PTH123
        "a closed file": (closed, ValueError, "closed file"),
        "no file": (folder / "missing", FileNotFoundError, "missing"),
        "a folder": (folder, IsADirectoryError, "files"),
    }


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_can_not_be_read_twice_as_bytes_is_refused(
    memory: Ground, folder: Path, operation: str
) -> None:
    for source, kind, words in sources(folder).values():
        with pytest.raises(kind, match=words):
            OPERATIONS[operation](memory.media(), "photo", source)
        if hasattr(source, "close"):
            source.close()
    assert memory.kept() == {}


def nothing(folder: Path) -> list[Any]:
    """Files in which there is nothing, and one that stands at its end."""
    path = folder / "empty"
    path.touch()
    return [b"", bytearray(), memoryview(b""), path, io.BytesIO()]


@pytest.mark.parametrize("operation", ["send", "get", "set", "forget"])
def test_nothing_is_no_file(memory: Ground, folder: Path, operation: str) -> None:
    """It would be one file, whatever it should have been."""
    written = io.BytesIO()
    written.write(CAT)
    for media in (memory.media(), memory.gramio()):
        for source in nothing(folder):
            with pytest.raises(ValueError, match="there is nothing"):
                OPERATIONS[operation](media, "photo", source)
        with pytest.raises(ValueError, match=r"where the file stands: seek\(0\) first"):
            OPERATIONS[operation](media, "photo", written)
    assert memory.kept() == {}
    assert list(memory.store.keys()) == []


class Short(io.BytesIO):
    """A file that somebody else reads to its end."""

    def read(self, size: int | None = -1) -> bytes:
        return b""


class Long(io.BytesIO):
    """A file to which somebody adds."""

    def seek(self, where: int, whence: int = 0) -> int:
        if whence == 0:
            self.write(b"more")
        return super().seek(where, whence)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", [Short, Long])
def test_what_is_not_as_long_as_it_says_is_refused(
    memory: Ground, operation: str, kind: type[io.BytesIO]
) -> None:
    with pytest.raises(ValueError, match="has changed while it was read, or somebody else reads"):
        OPERATIONS[operation](memory.media(), "photo", kind(CAT))
    assert memory.kept() == {}


def test_no_error_shows_a_url(memory: Ground) -> None:
    for url in ("https://hunter2\ud800", "hunter2/cat.jpg"):
        with pytest.raises(ValueError, match="URL") as caught:
            memory.media().get("photo", url)
        assert "hunter2" not in chain(caught.value)


def test_what_is_called_is_a_function(memory: Ground, folder: Path) -> None:
    with pytest.raises(TypeError, match="call must be a function, not str"):
        memory.media().send("photo", folder / "missing", "AgAC")


def test_the_blocking_half_calls_no_coroutine_function() -> None:
    async def call(file: object) -> None:
        """It could not be awaited."""

    async def is_stale(outcome: object) -> bool:
        return True

    media = storage.MediaCache(storage.MemoryStorage(), bot="support")
    with pytest.raises(TypeError, match="coroutine function"):
        media.send("photo", CAT, call)
    for name in ("is_stale", "file_id_of"):
        options: Any = {name: is_stale}
        with pytest.raises(TypeError, match="coroutine function"):
            storage.MediaCache(storage.MemoryStorage(), bot="support", **options)


class Later:
    """Something to await that is no coroutine."""

    def __await__(self) -> Any:
        pytest.fail("nobody awaits it")


async def later(*_: object) -> dict[str, Any]:
    """What a bot of the other half does."""
    return message("photo", "AgAC")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("made", [later, lambda *_: Later()], ids=["coroutine", "awaitable"])
def test_the_blocking_half_takes_nothing_to_await_for_an_answer(made: Callable[..., Any]) -> None:
    """It would be lost, and the file with it."""
    store: Any = storage.MemoryStorage()
    gramio = storage.compat.gramio.media_cache(storage=store)
    for media in (storage.MediaCache(store, bot="support"), gramio):
        with pytest.raises(TypeError, match=r"wants to be awaited: that is for storage\.aio"):
            media.send("photo", CAT, lambda file: made())
        media.set("photo", CAT, "AgAD")
        with pytest.raises(TypeError, match="wants to be awaited"):
            media.send("photo", CAT, lambda file: made())
        assert media.get("photo", CAT) == "AgAD"
        media.forget("photo", CAT)
    gc.collect()

    for name in ("is_stale", "file_id_of"):
        options: Any = {name: lambda outcome: made()}
        media = storage.MediaCache(store, bot="support", **options)
        if name == "is_stale":
            media.set("photo", CAT, "AgAD")
        with pytest.raises(TypeError, match="wants to be awaited"):
            media.send("photo", CAT, lambda file: message("photo", "AgAC"))
        media.forget("photo", CAT)


@pytest.mark.parametrize(
    ("file_id", "kind"), [("", ValueError), (None, TypeError), (b"AgAC", TypeError)], ids=repr
)
def test_an_id_is_a_text(memory: Ground, folder: Path, file_id: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="file_id must"):
        memory.media().set("photo", folder / "missing", file_id)


def test_a_lifetime_is_looked_at_before_the_file_is(memory: Ground, folder: Path) -> None:
    with pytest.raises(ValueError, match="positive"):
        memory.media().set("photo", folder / "missing", "AgAC", ttl=-1)
    with pytest.raises(storage.UnsupportedError):
        memory.media(store={}).set("photo", folder / "missing", "AgAC", ttl=5)
