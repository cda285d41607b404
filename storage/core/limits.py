"""What a limit is: a number of hits in a time, how they are counted, and for whom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from string import Formatter
from typing import Any, Final, Literal, NamedTuple, get_args

from ..ttl import default_span
from .algorithms import Aligned, Counter, Gcra, Log, Rule, Slots, Window

Algorithm = Literal["log", "window", "aligned", "counter", "gcra", "leaky", "slots"]
"""How hits are counted:

* `"log"`: every hit of the last *per* seconds is known, so no stretch of that length ever holds
  more than so many. It takes 8 bytes a hit.
* `"window"`: a window begins with the first hit, and the next one with the first hit after it.
* `"aligned"`: windows begin at multiples of *per* since 1970.
* `"counter"`: two windows are counted, and the older one weighs less the longer it is over.
* `"gcra"`: a bucket of *burst* tokens that is filled up with *hits* tokens in *per* seconds.
* `"leaky"`: the same with a *burst* of 1, which spreads hits evenly.
* `"slots"`: so many at the same time; one who does not give a slot back loses it after *per*.
"""

_KINDS: Final[dict[str, type[Rule]]] = {
    "log": Log,
    "window": Window,
    "aligned": Aligned,
    "counter": Counter,
    "gcra": Gcra,
    "slots": Slots,
}

_UNITS_MS: Final = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1000),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
}

_TOO_LONG_MS: Final = 2**53
"""What is longer is refused all the same."""

_WRITTEN: Final = re.compile(r"(\d+) *(?:/|per) *(\d+)? *([a-z]+)", re.IGNORECASE)

_TAKEN: Final = frozenset({"self", "key", "cost", "timeout", "seconds", "wait"})
"""What else a limiter is told by its name, and so no field of a template."""

_SHORT: Final = ((86_400_000, "day"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


class _Parts(NamedTuple):
    hits: int
    per_ms: int
    algorithm: str
    burst: int
    name: str
    key: str | None


class Limit(_Parts):
    """So many *hits* in *per* seconds, counted as the *algorithm* does.

    Limits that say the same share what they count, unless their *name*s differ. With a template as
    *key*, such as `"chat:{chat}"`, it counts for what `hit(chat=...)` fills in.
    """

    __slots__ = ()

    def __new__(
        cls,
        hits: int,
        per: float | timedelta = 60,
        *,
        algorithm: Algorithm = "log",
        burst: int | None = None,
        name: str = "",
        key: str | None = None,
    ) -> Limit:
        _check_count("hits", hits)
        if algorithm not in get_args(Algorithm):
            known = ", ".join(get_args(Algorithm))
            raise ValueError(f"algorithm must be one of {known}, not {algorithm!r}")
        per_ms = _span_ms(per)
        if burst is not None and algorithm != "gcra":
            raise ValueError(f'burst is for algorithm="gcra", not for {algorithm!r}')
        if algorithm == "leaky":
            algorithm, burst = "gcra", 1
        if burst is not None:
            _check_count("burst", burst)
        if not isinstance(name, str):
            raise TypeError(f"the name of a limit must be a str, not {type(name).__name__}")
        check_template(key)
        limit = super().__new__(cls, hits, per_ms, algorithm, burst or hits, name, key)
        limit.rule.check()
        return limit

    @property
    def per(self) -> float:
        """The seconds in which so many may come."""
        return self.per_ms / 1000

    @property
    def rule(self) -> Rule:
        """What counts the hits of this limit."""
        kind = _KINDS[self.algorithm]
        return kind(self.hits, self.per_ms * 1000, self.burst, self._stored)

    @property
    def fields(self) -> frozenset[str]:
        """What the template of the key wants to know."""
        return frozenset() if self.key is None else _fields(self.key)

    @classmethod
    def parse(cls, text: str, **options: Any) -> Limit:
        """The limit that is written as *text*, such as `"20/min"` or `"5 per 10 seconds"`."""
        found = parse(text, **options)
        if len(found) != 1:
            raise ValueError(f"{text!r} is not one limit, but {len(found)}: use parse_all")
        return found[0]

    @classmethod
    def parse_all(cls, text: str, **options: Any) -> tuple[Limit, ...]:
        """The limits that are written as *text*, such as `"20/min, 1/s"`.

        *options* are those of `Limit`, for all of them.
        """
        return parse(text, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._make, (tuple(self),)

    def __str__(self) -> str:
        unit_ms, unit = next((pair for pair in _SHORT if self.per_ms % pair[0] == 0), (1, "ms"))
        number = self.per_ms // unit_ms
        return f"{self.hits}/{'' if number == 1 else number}{unit}"

    def __repr__(self) -> str:
        more = [repr(self.algorithm)]
        if self.algorithm == "gcra":
            more.append(f"burst={self.burst}")
        more += [
            f"{word}={part!r}" for word, part in (("name", self.name), ("key", self.key)) if part
        ]
        return f"<Limit {self}: {', '.join(more)}>"

    @property
    def _stored(self) -> str:
        """What tells it from all other definitions in the names of what is stored."""
        burst = f":{self.burst}" if self.algorithm == "gcra" else ""
        name = f":{plain(self.name)}" if self.name else ""
        return f"{self.algorithm}:{self.hits}:{self.per_ms}{burst}{name}"


def parse(text: str, **options: Any) -> tuple[Limit, ...]:
    """The limits that are written as *text*, such as `"20/min, 1/s"`.

    *options* are those of `Limit`, for all of them.
    """
    if not isinstance(text, str):
        raise TypeError(f"limits are written as a str, not {type(text).__name__}")
    found = []
    for part in re.split("[,;]", text):
        match = _WRITTEN.fullmatch(part.strip())
        unit_ms = None if match is None else _UNITS_MS.get(match[3].lower())
        if match is None or unit_ms is None:
            raise ValueError(f"{part.strip()!r} is no limit: write one as 20/min or 5/10s")
        per_ms = min(int(match[2] or 1) * unit_ms, _TOO_LONG_MS)
        found.append(Limit(int(match[1]), per_ms / 1000, **options))
    return tuple(found)


def limits_of(given: Sequence[Limit | str]) -> tuple[Limit, ...]:
    """The limits of a limiter; refuses none at all, and the same one twice."""
    found: list[Limit] = []
    for one in given:
        if isinstance(one, str):
            found += parse(one)
        elif isinstance(one, Limit):
            found.append(one)
        else:
            kind = type(one).__name__
            raise TypeError(f'a limit is a Limit or a text such as "20/min", not {kind}')
    if not found:
        raise ValueError('a limiter needs a limit, such as "20/min"')
    if len(set(found)) != len(found):
        raise ValueError("the same limit stands there twice")
    return tuple(found)


def check_template(key: object) -> None:
    """Refuse what is no template of keys."""
    if key is None:
        return
    if not isinstance(key, str):
        raise TypeError(
            f"the key of a limit is a template such as 'chat:{{chat}}', not {type(key).__name__}"
        )
    try:
        plain = all(name.isidentifier() for name in _fields(key))
        plain = plain and all(
            not spec and not conversion
            for _, name, spec, conversion in Formatter().parse(key)
            if name is not None
        )
    except ValueError:
        plain = False
    if not plain:
        raise ValueError(f"{key!r} is no template: its fields are names in braces")
    taken = _fields(key) & _TAKEN
    if taken:
        raise ValueError(f"a field can not be called {min(taken)}: that means something else")


def form_of(key: str) -> str:
    """The template *key* as `%` fills it in, from a mapping of its fields."""
    form = ""
    for text, name, _, _ in Formatter().parse(key):
        form += text.replace("%", "%%") + ("" if name is None else f"%({name})s")
    return form


def _fields(key: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(key) if name is not None)


def _span_ms(per: float | timedelta) -> int:
    per_ms = default_span(per, "per")
    if per_ms is None:
        raise ValueError("per must be seconds or a timedelta: a limit for ever is none")
    if (per.total_seconds() if isinstance(per, timedelta) else per) < 0.001:
        raise ValueError(f"per must be a millisecond at the least, not {per!r}")
    return per_ms


def _check_count(word: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"the {word} of a limit must be an int, not {type(count).__name__}")
    if count < 1:
        raise ValueError(f"the {word} of a limit must be at least 1, not {count}")


def plain(name: str) -> str:
    """*name* with nothing in it that means something in a stored name."""
    return re.sub(r"[^\w.\-]", lambda found: f"%{ord(found[0]):X}%", name)
