"""Keys of files, for whatever content."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.uploads
from storage.core.media import METHODS, ByContent, ByText, bot_of
from storage.uploads import seen
from tests.media.ground import message

CONTENTS = st.binary(max_size=40)
FILES = st.binary(min_size=1, max_size=40)
BOTS = st.text(min_size=1, max_size=8).filter(lambda name: not any(map(str.isdigit, name)))


class Drops(io.BytesIO):
    """A file that gives less than it is asked for."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size or 1, 2))


@pytest.fixture(autouse=True)
def _in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.uploads, "_CHUNK", 3)


@given(content=CONTENTS, before=CONTENTS, name=st.text(max_size=5))
def test_what_is_made_of_contents_does_not_depend_on_how_they_come(
    content: bytes, before: bytes, name: str
) -> None:
    for layout in (ByContent("support", "photo", False), ByText(name)):
        files = [kind(before + content) for kind in (io.BytesIO, Drops)]
        for file in files:
            file.seek(len(before))
        wanted = seen(content, layout.begin).digest
        found = {seen(one, layout.begin).digest for one in (bytearray(content), *files)}
        assert found == {wanted}
        assert [file.tell() for file in files] == [len(before)] * 2


def test_one_mark_is_dropped_and_no_other_one() -> None:
    """However the text comes."""
    mark = b"\xef\xbb\xbf"
    wanted = hashlib.md5(b"a9" + mark + mark).hexdigest()

    assert seen(mark * 3, ByText("a").begin).digest == wanted


@given(content=CONTENTS)
def test_the_hash_is_that_of_the_content(content: bytes) -> None:
    made = seen(io.BytesIO(content), ByContent("support", "photo", False).begin).digest

    assert made == hashlib.sha256(content).hexdigest()


PLACES = st.tuples(BOTS, st.sampled_from(METHODS), CONTENTS)


@given(one=PLACES, other=PLACES)
def test_a_key_is_that_of_one_bot_one_method_and_one_content(
    one: tuple[str, str, bytes], other: tuple[str, str, bytes]
) -> None:
    keys = {key_of(*place) for place in (one, other)}

    assert len(keys) == len({one, other})


def key_of(bot: str, method: str, content: bytes) -> str:
    media = storage.MediaCache(storage.MemoryStorage(), bot=bot)
    return media.key_of(method, content)


@given(bot=BOTS, method=st.sampled_from(METHODS), contents=st.sets(FILES, max_size=5))
def test_what_was_sent_is_found_again_and_nothing_else_is(
    bot: str, method: str, contents: set[bytes]
) -> None:
    media = storage.MediaCache(storage.MemoryStorage(), bot=bot)
    for content in contents:
        media.send(method, content, lambda file: message(method, file.hex()))

    for content in contents:
        assert media.get(method, content) == content.hex()
    assert media.get(method, b"x" * 41) is None


@given(number=st.integers())
def test_a_bot_is_called_by_its_number(number: int) -> None:
    assert bot_of(number) == bot_of(str(number)) == str(number)
