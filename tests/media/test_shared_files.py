"""An open file is read by one at a time, and an id belongs to what was read."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.testing.threads import crowd
from tests.media.ground import Ground, Telegram, in_line, message
from tests.waiting import PATIENCE, until

CAT = b"what a cat looks like"
CROWD = 6
CHANGED = "memory: what was sent as document has changed meanwhile, so its id is not stored"


class Slow(io.BytesIO):
    """A file whose first reader is slow: all others wait for it, or read it as well."""

    def __init__(self, content: bytes, waiting: Callable[[], int]) -> None:
        super().__init__(content)
        self._waiting = waiting
        self.readers = 0
        self.is_shared = False

    def tell(self) -> int:
        self.readers += 1
        if self.readers == 1:
            until(lambda: self.readers > 1 or self._waiting() == CROWD - 1, "the others")
            self.is_shared = self.readers > 1
        return super().tell()


def test_an_open_file_is_read_by_one_at_a_time_and_is_the_same_to_all(memory: Ground) -> None:
    """Whichever caches they ask."""
    caches = [memory.media(), memory.media(bot="other")]
    file = Slow(CAT, lambda: in_line(caches[0], "_files"))

    keys = crowd(
        [lambda media=media: media.key_of("photo", file) for media in caches * (CROWD // 2)]
    )

    assert not file.is_shared
    assert {key.split(":")[-1] for key in keys} == {hashlib.sha256(CAT).hexdigest()}
    assert file.tell() == 0


def test_different_open_files_are_read_at_the_same_time(memory: Ground) -> None:
    media = memory.media()
    together = threading.Barrier(2)

    class Met(io.BytesIO):
        has_met = False

        def tell(self) -> int:
            if not self.has_met:
                self.has_met = True
                together.wait(PATIENCE)
            return super().tell()

    files = [Met(CAT), Met(b"a dog")]

    keys = crowd([lambda file=file: media.key_of("photo", file) for file in files])

    assert len(set(keys)) == 2


class Watched(io.BytesIO):
    """A file that notices who looks at it while it is uploaded."""

    is_uploaded = False
    is_disturbed = False

    def tell(self) -> int:
        self.is_disturbed |= self.is_uploaded
        return super().tell()


def test_who_uploads_an_open_file_has_it_alone_and_the_others_send_its_id(memory: Ground) -> None:
    telegram = Telegram()
    media = memory.media()
    file = Watched(b"a head" + CAT)
    file.seek(6)
    inside = threading.Event()
    read: list[bytes] = []

    def upload(known: Any) -> Any:
        file.is_uploaded = True
        inside.set()
        until(
            lambda: file.is_disturbed or in_line(media, "_files") == CROWD - 1,
            "the others to wait",
        )
        read.append(known.read())
        file.is_uploaded = False
        return telegram.send(known)

    def later() -> Any:
        assert inside.wait(PATIENCE)
        return media.send("photo", file, telegram.send)

    answers = crowd([lambda: media.send("photo", file, upload), *[later] * (CROWD - 1)])

    assert not file.is_disturbed
    assert read == [CAT]
    assert answers == [message("photo", "id 1")] * CROWD
    assert telegram.files == [file, *["id 1"] * (CROWD - 1)]


def test_a_file_that_was_uploaded_stands_where_it_stood(memory: Ground) -> None:
    media = memory.media()
    file = io.BytesIO(b"a head" + CAT)
    file.seek(6)
    read: list[bytes] = []

    def upload(known: Any) -> Any:
        read.append(known.read())
        return message("photo", "AgAC")

    def fail(known: Any) -> Any:
        read.append(known.read())
        raise ConnectionError("no network")

    with pytest.raises(ConnectionError):
        media.send("photo", file, fail)
    assert file.tell() == 6
    media.send("photo", file, upload)
    assert file.tell() == 6
    media.send("document", file, upload)

    assert read == [CAT] * 3


class Moves:
    """A store that moves a file while it is asked."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        self._file.seek(0)
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def test_a_file_is_uploaded_from_where_it_stood_when_it_was_handed_over(memory: Ground) -> None:
    file = io.BytesIO(b"a head" + CAT)
    file.seek(6)
    media = memory.media(store=Moves(file))
    read: list[bytes] = []

    media.send("photo", file, lambda known: read.append(known.read()))

    assert read == [CAT]


def test_a_file_may_be_closed_by_what_sends_it(memory: Ground, folder: Path) -> None:
    path = folder / "cat.jpg"
    path.write_bytes(CAT)
    media = memory.media()

    def call(file: Any) -> Any:
        file.close()
        return message("photo", "AgAC")

    for file in (path.open("rb"), io.BytesIO(CAT)):
        media.forget("photo", CAT)
        media.send("photo", file, call)
        assert media.get("photo", CAT) == "AgAC"


def rewritten(path: Path) -> None:
    path.write_bytes(CAT + b" now")


def as_long(path: Path) -> None:
    path.write_bytes(CAT[::-1])
    os.utime(path, ns=(0, 0))


def replaced(path: Path) -> None:
    """By another file of that length and that time."""
    known = path.stat()
    other = path.with_name("other")
    other.write_bytes(CAT[::-1])
    os.utime(other, ns=(known.st_atime_ns, known.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, as_long, replaced, Path.unlink])
def test_the_id_of_a_path_that_changed_meanwhile_is_not_stored(
    memory: Ground, folder: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Path], None]
) -> None:
    """It may be that of what is there now."""
    path = folder / "chart.png"
    path.write_bytes(CAT)
    media = memory.media()

    def call(file: Any) -> Any:
        change(path)
        return message("document", "AgAC")

    with caplog.at_level(logging.INFO, "storage"):
        assert media.send("document", path, call) == message("document", "AgAC")

    assert memory.kept() == {}
    assert caplog.messages == [CHANGED]
    path.write_bytes(CAT)
    telegram = Telegram("document")
    assert media.send("document", path, telegram.send) == message("document", "id 1")
    assert telegram.files == [path]


def test_the_id_of_an_open_file_that_grew_meanwhile_is_not_stored(
    memory: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    file = io.BytesIO(CAT)
    media = memory.media()

    def call(known: Any) -> Any:
        file.seek(0, os.SEEK_END)
        file.write(b" now")
        return message("document", "AgAC")

    with caplog.at_level(logging.INFO, "storage"):
        media.send("document", file, call)

    assert memory.kept() == {}
    assert caplog.messages == [CHANGED]
    assert file.tell() == 0
