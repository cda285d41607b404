"""How a value becomes bytes, and comes back.

The JSON that is written is what JavaScript writes: no spaces, raw UTF-8. The optional fast codec
writes the same bytes and reads the same values.
"""

from __future__ import annotations

import json
import json.encoder
import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn, Protocol

from .errors import ConfigurationError, UnstorableError
from .values import check, sieve
from .values import same as same_value

MAX_BYTES: Final = 16 * 1024 * 1024
"""The longest value that is written or read unless a codec is told otherwise."""


class Codec(Protocol):
    """Values to bytes and back."""

    def encode(self, value: Any, /) -> bytes:
        """The bytes for *value*; `UnstorableError` for what would not come back the same."""
        ...

    def decode(self, raw: bytes, /) -> Any:
        """The value; a `ValueError` that shows nothing of *raw* where it holds none."""

    def same(self, old: bytes, new: bytes, /) -> bool:
        """Whether *old*, which may be anybody's, stands for the same value as *new*, which this
        codec wrote."""
        ...


class UnreadableError(ValueError):
    """Bytes that hold no value; nothing of them is shown."""


class JsonCodec:
    """JSON by the standard library.

    Integers end at 2**53 - 1 either way, where JavaScript's do, or with *big_integers* at 64
    bits. A value of more than *max_bytes* is neither written nor read. Otherwise more is read than
    is written: longer integers, and as many levels as the running Python can follow.
    """

    def __init__(self, *, big_integers: bool = False, max_bytes: int = MAX_BYTES) -> None:
        if type(max_bytes) is not int or max_bytes < 1:
            raise ConfigurationError("max_bytes must be a positive integer")
        self._big_integers = big_integers
        self.max_bytes: int = max_bytes
        self._caught = sieve(big_integers=big_integers)
        self._chunks = _CHUNKS
        self._scan = _SCAN

    def encode(self, value: Any, /) -> bytes:
        """The bytes for *value*; `UnstorableError` for what would not come back the same."""
        try:
            raw = b"" if self._caught(value) else "".join(self._chunks(value, 0)).encode()
        except UnicodeEncodeError:
            # This error holds the whole text: what is raised instead is raised outside of it.
            raw = b""
        if 0 < len(raw) <= self.max_bytes:
            return raw
        return self._encode_carefully(value, raw)

    def decode(self, raw: bytes, /) -> Any:
        """The value; `UnreadableError` where *raw* holds none. The last of equal names counts."""
        if len(raw) <= self.max_bytes:
            try:
                text = raw.decode()
                value, end = self._scan(text, 0)
                if end == len(text):
                    return value
            except (StopIteration, ValueError, RecursionError):
                pass
        return self._decode_loosely(raw)

    def same(self, old: bytes, new: bytes, /) -> bool:
        """Whether *old*, however it is spaced, ordered and escaped, stands for the same value as
        *new*, which this codec wrote. What can not be read stands for nothing."""
        return _same(self.decode, old, new)

    def _encode_carefully(self, value: object, raw: bytes) -> bytes:
        """What has a lone surrogate, which is written as JavaScript does, `\\ud83d`, or an error
        that says what is wrong."""
        if not raw:
            check(value, big_integers=self._big_integers)
            raw = "".join(self._chunks(value, 0)).encode("utf-8", "backslashreplace")
        if len(raw) > self.max_bytes:
            raise UnstorableError("$", _too_long(raw, self.max_bytes))
        return raw

    def _decode_loosely(self, raw: bytes) -> Any:
        """What has space around it, or an error that says what is wrong and shows nothing."""
        if len(raw) > self.max_bytes:
            raise UnreadableError(_too_long(raw, self.max_bytes))
        problem = "it is not JSON"
        try:
            text = raw.decode().strip(" \t\r\n")
            value, end = self._scan(text, 0)
            if end == len(text):
                return value
            problem = "something follows the JSON"
        except UnicodeDecodeError:
            problem = "it is not UTF-8"
        except RecursionError:
            problem = "it is nested too deep"
        except (StopIteration, ValueError):
            pass
        raise UnreadableError(problem)


class FastJsonCodec:
    """JSON by msgspec, behind the same checks, with the same bytes and the same values.

    What msgspec writes in another way (floats with an exponent, surrogates) is written by the
    standard library instead, and what it refuses is tried there. orjson is as fast, but reads
    integers beyond 64 bits as floats without a word.
    """

    def __init__(self, *, big_integers: bool = False, max_bytes: int = MAX_BYTES) -> None:
        try:
            import msgspec
        except ImportError:
            message = "FastJsonCodec needs msgspec: pip install 'chatstorage[fast]'"
            raise ConfigurationError(message) from None
        self._slow = JsonCodec(big_integers=big_integers, max_bytes=max_bytes)
        self._caught = sieve(big_integers=big_integers, usual_floats=True)
        self.max_bytes: int = max_bytes
        self._dumps: Callable[[object], bytes] = msgspec.json.Encoder().encode
        self._loads: Callable[[bytes], Any] = msgspec.json.Decoder().decode

    def encode(self, value: Any, /) -> bytes:
        """The bytes for *value*; `UnstorableError` for what would not come back the same."""
        if not self._caught(value):
            try:
                raw = self._dumps(value)
                if len(raw) <= self.max_bytes:
                    return raw
            except ValueError:
                pass
        return self._slow.encode(value)

    def decode(self, raw: bytes, /) -> Any:
        """The value; `UnreadableError` where *raw* holds none. The last of equal names counts."""
        if len(raw) <= self.max_bytes:
            try:
                return self._loads(raw)
            except (ValueError, RecursionError):
                pass
        return self._slow.decode(raw)

    def same(self, old: bytes, new: bytes, /) -> bool:
        """Whether *old* stands for the same value as *new*, which this codec wrote."""
        return _same(self.decode, old, new)


def rewritten(value: object) -> bytes:
    """The JSON of a *value* that was read: whatever can be read can be written so."""
    try:
        return "".join(_CHUNKS(value, 0)).encode("utf-8", "backslashreplace")
    except RecursionError:
        raise UnreadableError("it is nested too deep") from None


_BLANKS: Final = re.compile(r"[ \t\r\n]*")


def members(text: str) -> dict[str, tuple[Any, str]]:
    """The members of the JSON object in *text*: of each its value, and how that is written."""
    try:
        return _members(text)
    except (StopIteration, ValueError, RecursionError, IndexError):
        raise UnreadableError("it is no JSON object") from None


def items(text: str) -> list[tuple[Any, str]]:
    """The items of the JSON array in *text*: of each its value, and how that is written."""
    try:
        return _items(text)
    except (StopIteration, ValueError, RecursionError, IndexError):
        raise UnreadableError("it is no JSON array") from None


def _members(text: str) -> dict[str, tuple[Any, str]]:
    found: dict[str, tuple[Any, str]] = {}
    at = _past(text, 0, "{")
    while text[at] != "}":
        name, end = _SCAN(text, at)
        if type(name) is not str:
            raise ValueError("a name is a text")
        start = _past(text, end, ":")
        value, end = _SCAN(text, start)
        found[name] = value, text[start:end]
        at = _blanks(text, end)
        if text[at] != "}":
            at = _past(text, at, ",")
            if text[at] == "}":
                raise ValueError("a member is wanted after a comma")
    if _blanks(text, at + 1) != len(text):
        raise ValueError("something follows the object")
    return found


def _items(text: str) -> list[tuple[Any, str]]:
    found: list[tuple[Any, str]] = []
    at = _past(text, 0, "[")
    while text[at] != "]":
        value, end = _SCAN(text, at)
        found.append((value, text[at:end]))
        at = _blanks(text, end)
        if text[at] != "]":
            at = _past(text, at, ",")
            if text[at] == "]":
                raise ValueError("an item is wanted after a comma")
    if _blanks(text, at + 1) != len(text):
        raise ValueError("something follows the array")
    return found


def _past(text: str, at: int, sign: str) -> int:
    """Where something begins again after *sign*, which has to stand here."""
    at = _blanks(text, at)
    if text[at] != sign:
        raise ValueError(f"a {sign} is wanted")
    return _blanks(text, at + 1)


def _blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    assert found is not None
    return found.end()


def _same(decode: Callable[[bytes], object], old: bytes, new: bytes) -> bool:
    # Looking for signs of another writer takes longer than reading both, so there is no shortcut.
    try:
        return old == new or same_value(decode(old), decode(new))
    except UnreadableError:
        return False


def _too_long(raw: bytes, most: int) -> str:
    return f"{len(raw)} bytes are more than the {most} allowed"


def _reader() -> Callable[[str, int], tuple[Any, int]]:
    decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once
    return scan


def _writer() -> Callable[[object, int], Iterable[str]]:
    """What `json.dumps` makes anew in each call; cycles are not looked for again."""
    encoder = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
    )
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    quote = json.encoder.encode_basestring
    chunks: Callable[[Any, Any], Iterable[str]] = encoder.iterencode
    if make is not None:
        chunks = make(None, encoder.default, quote, None, ":", ",", False, False, False)
    return chunks


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number beyond all floats")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("JSON has no NaN and no infinity")


_CHUNKS: Final = _writer()
_SCAN: Final = _reader()

JSON: Final = JsonCodec()
"""What a store writes with unless it is told otherwise."""
