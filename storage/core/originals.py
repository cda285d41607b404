"""The rate limits of JavaScript libraries: what is kept of a key, and what a hit makes of it.

What is kept is JSON as `JSON.stringify` writes it. Times are milliseconds, moments since 1970.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple, Protocol

from ..codecs import JSON, UnreadableError, members
from ..records import Counted, Window
from ..ttl import default_span

_LONGEST_MS: Final = 200_000_000_000_000
"""No lifetime is longer."""

_MOST_DIGITS: Final = 1e21
"""From here on JavaScript writes a number with an exponent."""


class Stroke(NamedTuple):
    """What came of a hit."""

    passed: bool
    wait: int
    """Where it did not pass: in how many milliseconds one may."""

    new: bytes | None
    """What is to be kept from now on; `None` is what was there."""

    ttl: int
    """For how many milliseconds."""


class Rule(Protocol):
    """What is kept, and how a hit is decided."""

    is_shared: bool
    """Whether others may count by the same record for longer, so that it does not end sooner."""

    def hit(self, data: bytes | None, limit: int, window: int, now: int) -> Stroke:
        """What *data* becomes, if there is any; `UnreadableError` for what is no such record."""
        ...


class RateLimitStoreLike(Protocol):
    """Anybody's store of VibeGram's records: *ttl* is in seconds.

    It may have `increment(key, window, now)` too, which counts a hit in one step and answers with
    the record; *window* and *now* are in seconds.
    """

    def get(self, key: str, /) -> Any: ...

    def set(self, key: str, record: Any, ttl: float, /) -> Any: ...

    def delete(self, key: str, /) -> Any: ...


class Tally:
    """A record such as `{"count":2,"resetTime":5}`: how many came in a window, and when that is
    over. It begins with the first of them. What is refused is counted, or leaves no trace.

    Members that are not known stay as they are written while the window lasts.
    """

    is_shared = False

    def __init__(self, count: str, ends: str, *, counts_refused: bool) -> None:
        self.count: str = count
        self.ends: str = ends
        self.counts_refused: bool = counts_refused
        whole = "(0|[1-9][0-9]{0,14})"
        self._plain = re.compile(rf'\{{"{count}":{whole},"{ends}":{whole}\}}')

    def hit(self, data: bytes | None, limit: int, window: int, now: int) -> Stroke:
        count, ends, parts = self._read(data)
        if data is None or now >= ends:
            count, ends, parts = 0, now + window, {}
        passed = count < limit
        if not passed and not self.counts_refused:
            return Stroke(False, math.ceil(ends - now), None, 0)
        return self.stroke(passed, count + 1, ends, now, parts)

    def told(self, counted: Counted) -> Stroke:
        """What came of a hit that was counted elsewhere."""
        if not counted.passed and not self.counts_refused:
            return Stroke(False, counted.ends - counted.now_ms, None, 0)
        return self.stroke(*counted)

    def stroke(
        self,
        passed: bool,
        count: float,
        ends: float,
        now: int,
        parts: Mapping[str, str] | None = None,
    ) -> Stroke:
        """What came of a hit by which there are *count* until *ends*, with the other *parts*."""
        told = {**(parts or {}), self.count: number(count), self.ends: number(ends)}
        text = ",".join(f"{JSON.encode(name).decode()}:{part}" for name, part in told.items())
        left = math.ceil(ends - now)
        ttl = max(1, min(left, _LONGEST_MS))
        return Stroke(passed, 0 if passed else left, f"{{{text}}}".encode(), ttl)

    def window(self, limit: int, length: int) -> Window:
        """The same in the words of a store that counts by itself."""
        return Window(self.count, self.ends, limit, length, self.counts_refused)

    def check(self, record: object) -> tuple[float, float]:
        """The two numbers of a *record*; `UnreadableError` for what is none."""
        if not isinstance(record, Mapping):
            raise UnreadableError("it is no object")
        return _number_in(record, self.count), _number_in(record, self.ends)

    def written(self, record: object) -> dict[str, Any]:
        """*record* as it is to be stored, with numbers as JavaScript writes them."""
        count, ends = self.check(record)
        assert isinstance(record, Mapping)
        return {**record, self.count: _whole(count), self.ends: _whole(ends)}

    def _read(self, data: bytes | None) -> tuple[float, float, dict[str, str]]:
        """The two numbers in *data*, and all members as they are written."""
        if data is None:
            return 0, 0, {}
        text = _text(data)
        plain = self._plain.fullmatch(text)
        if plain is not None:
            return int(plain[1]), int(plain[2]), {}
        found = members(text)
        count, ends = self.check({name: value for name, (value, _) in found.items()})
        return count, ends, {name: written for name, (_, written) in found.items()}


class Times:
    """A list of the moments at which something passed, such as `[5,12]`; none is noted of what
    was refused."""

    is_shared = True

    def hit(self, data: bytes | None, limit: int, window: int, now: int) -> Stroke:
        kept = [moment for moment in _moments(data) if now - moment < window]
        if len(kept) < limit:
            text = ",".join(number(moment) for moment in (*kept, now))
            return Stroke(True, 0, f"[{text}]".encode(), window)
        if limit == 0:
            return Stroke(False, window, None, 0)
        frees = sorted(kept)[len(kept) - limit]
        return Stroke(False, math.ceil(frees + window - now), None, 0)


VIBEGRAM: Final = Tally("count", "resetTime", counts_refused=True)
PUREGRAM: Final = Tally("hits", "resetAt", counts_refused=False)
GRAMIO: Final = Times()


def check_limit(limit: object) -> int:
    """*limit*, if it is a number of hits."""
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise TypeError(f"limit must be an int, not {type(limit).__name__}")
    if limit < 0:
        raise ValueError(f"limit can not be negative, and is {limit}")
    return limit


def window_ms(window: float | timedelta) -> int:
    """The milliseconds of a *window*."""
    span = default_span(window, "window")
    if span is None:
        raise ValueError("window must be seconds or a timedelta: a limit for ever is none")
    return span


def check_ttl(ttl: object) -> None:
    """Refuse what is no time that a record has left, which may be none."""
    if not isinstance(ttl, (int, float, timedelta)):
        raise TypeError(f"ttl must be seconds or a timedelta, not {type(ttl).__name__}")


def moment_ms(now: float) -> int:
    """The milliseconds of a moment that somebody tells in seconds since 1970."""
    if isinstance(now, bool) or not isinstance(now, (int, float)):
        raise TypeError(f"now must be seconds since 1970, not {type(now).__name__}")
    if not 0 <= now <= _LONGEST_MS / 1000:
        raise ValueError(f"now must be seconds since 1970, not {now!r}")
    return round(now * 1000)


def seconds(wait_ms: int) -> int:
    """*wait_ms* as it is told: in whole seconds, rounded up, and never 0."""
    return max(1, -(-wait_ms // 1000))


def number(value: float) -> str:
    """A number as JavaScript writes it; a whole one has no point."""
    return str(_whole(value)) if abs(value) < _MOST_DIGITS else repr(float(value))


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value


def _number_in(record: Mapping[str, Any], name: str) -> float:
    value: Any = record.get(name)
    if not _is_number(value):
        raise UnreadableError(f"its {name} is no number")
    found: float = value
    return found


def _is_number(value: object) -> bool:
    """Whether *value* is a number in JavaScript, and a finite one."""
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:
        return False


def _moments(data: bytes | None) -> list[float]:
    if data is None or data == b"":  # as JavaScript writes undefined
        return []
    moments = JSON.decode(data)
    if moments is None:
        return []
    if type(moments) is not list:
        raise UnreadableError("it is no list")
    if not all(map(_is_number, moments)):
        raise UnreadableError("there is something in the list that is no moment")
    return moments


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8") from None
