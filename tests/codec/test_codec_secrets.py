"""No error of a codec shows what was stored."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator

import pytest

from storage.codecs import Codec, FastJsonCodec, JsonCodec, UnreadableError
from storage.errors import UnstorableError
from storage.values import check

SECRET = "s3cr3t"
NUMBER = 7741853214789632

SHORT = (JsonCodec(max_bytes=80), FastJsonCodec(max_bytes=80))
codecs = pytest.mark.parametrize("codec", SHORT, ids=["json", "fast"])


class Told:
    """An object that tells on itself in every way it can."""

    def __repr__(self) -> str:
        return SECRET

    __str__ = __repr__


VALUES: dict[str, object] = {
    "an object": [SECRET, Told()],
    "in a set": {"a": {SECRET}},
    "bytes": {"a": SECRET.encode()},
    "a pair": [SECRET + "\ud83d" + "\ude00" + SECRET],
    "a pair later": {"a": SECRET, "b": "\ud83d" + "\ude00"},
    "surrogates, too long": [SECRET * 20 + "\ud83d"],
    "too long": [SECRET * 20],
    "nan": [SECRET, float("nan")],
    "a large integer": [SECRET, NUMBER * 10],
    "a key": {"a": {(SECRET,): 1}},
    "an object as a key": [{Told(): 1}],
    "extreme float and a set": [1e300, SECRET, {SECRET}],
}

BYTES: dict[str, bytes] = {
    "not json": f'{{"a":"{SECRET}",}}'.encode(),
    "no utf-8": SECRET.encode() + b"\xff",
    "no utf-8 in a string": f'"{SECRET}'.encode() + b'\xff"',
    "bare": SECRET.encode(),
    "more after it": f'"{SECRET}" {SECRET}'.encode(),
    "control character": f'"{SECRET}\n"'.encode(),
    "escape": f'"{SECRET}\\x"'.encode(),
    "beyond floats": f"[{NUMBER}e400]".encode(),
    "nan": f'["{SECRET}",NaN]'.encode(),
    "too long": f'"{SECRET * 20}"'.encode(),
    "a name": f'{{"{SECRET}":}}'.encode(),
    "half a surrogate and cut": f'"{SECRET}\\ud83d'.encode(),
}


def caught(action: Callable[[], object]) -> BaseException:
    with pytest.raises((UnstorableError, UnreadableError)) as info:
        action()
    return info.value


def shown_by(error: BaseException) -> Iterator[str]:
    """All that a logger, a debugger or a pickler may find on *error* and its chain."""
    yield from traceback.format_exception(type(error), error, None)
    while error is not None:
        yield from (str(error), repr(error), ascii(error.args), repr(vars(error)))
        yield from getattr(error, "__notes__", ())
        for name in ("doc", "object", "reason", "path", "msg"):
            yield repr(getattr(error, name, ""))
        assert error.__cause__ is None
        error = error.__context__  # type: ignore[assignment]


def assert_hidden(error: BaseException) -> None:
    for shown in shown_by(error):
        assert SECRET not in shown
        assert str(NUMBER) not in shown
    assert error.__context__ is None


@codecs
@pytest.mark.parametrize("name", VALUES)
def test_a_refused_value_is_not_shown(codec: Codec, name: str) -> None:
    assert_hidden(caught(lambda: codec.encode(VALUES[name])))


@pytest.mark.parametrize("name", [name for name in VALUES if "too long" not in name])
def test_check_shows_no_value(name: str) -> None:
    assert_hidden(caught(lambda: check(VALUES[name])))


@codecs
@pytest.mark.parametrize("name", BYTES)
def test_unreadable_bytes_are_not_shown(codec: Codec, name: str) -> None:
    assert_hidden(caught(lambda: codec.decode(BYTES[name])))


@codecs
def test_a_number_of_too_many_digits_is_not_shown(codec: Codec) -> None:
    raw = str(NUMBER).encode() * 400
    roomy = type(codec)()

    assert_hidden(caught(lambda: roomy.decode(raw)))
