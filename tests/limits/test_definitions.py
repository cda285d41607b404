"""What a limit may be, how it is written, and what tells it from another."""

from __future__ import annotations

import copy
import math
import pickle
from datetime import datetime, timedelta, timezone
from enum import IntEnum
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
from storage import Limit, RateLimiter
from storage.core.limits import Algorithm, parse

ALGORITHMS = get_args(Algorithm)

HITS = st.integers(1, 1000)
PERS_MS = st.one_of(
    st.integers(1, 10_000_000),
    st.integers(1, 50).flatmap(
        lambda number: st.sampled_from([1000, 60_000, 3_600_000, 86_400_000]).map(
            lambda unit: number * unit
        )
    ),
)
NAMES = st.sampled_from(["", "a", "b", "a:b", "~", "a b", "ä", "%3A", "1"])
KEYS = st.sampled_from([None, "chat:{chat}", "user:{user}", "all"])


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    algorithm = draw(st.sampled_from(ALGORITHMS))
    options: dict[str, Any] = {"algorithm": algorithm, "name": draw(NAMES), "key": draw(KEYS)}
    if algorithm == "gcra":
        options["burst"] = draw(st.none() | HITS)
    per = timedelta(milliseconds=draw(PERS_MS))
    return Limit(draw(HITS), per, **options)


class Many(IntEnum):
    FIVE = 5


def test_a_limit_says_what_it_is() -> None:
    limit = Limit(10, per=1.5)

    assert (limit.hits, limit.per, limit.algorithm) == (10, 1.5, "log")
    assert (limit.burst, limit.name, limit.key) == (10, "", None)
    assert Limit(3).per == 60
    assert Limit(3, timedelta(hours=1)).per == 3600
    assert Limit(Many.FIVE, 1) == Limit(5, 1)
    assert Limit(3, 0.001).per == 0.001
    assert Limit(3, key="chat:{chat}:{user}").fields == {"chat", "user"}


@pytest.mark.parametrize(
    ("hits", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (2**60, ValueError),
        (True, TypeError),
        (10.0, TypeError),
        ("10", TypeError),
        (None, TypeError),
        (math.nan, TypeError),
        (math.inf, TypeError),
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_hits_that_are_no_number_of_hits_are_refused(
    algorithm: Any, hits: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Limit(hits, 61.001, algorithm=algorithm)


@pytest.mark.parametrize(
    ("per", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (True, ValueError),
        (0.0009, ValueError),
        (1e-9, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        (1e300, ValueError),
        (10**30, ValueError),
        (timedelta(0), ValueError),
        (timedelta(seconds=-1), ValueError),
        (timedelta(microseconds=999), ValueError),
        (timedelta.max, ValueError),
        (None, ValueError),
        (storage.KEEP, ValueError),
        (storage.DEFAULT, ValueError),
        (datetime(2030, 1, 1, tzinfo=timezone.utc), ValueError),
        ("60", TypeError),
        ([], TypeError),
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_time_that_is_none_is_refused(algorithm: Any, per: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Limit(1, per, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", ["", "LOG", "fixed", None, 4, []])
def test_an_algorithm_that_nobody_knows_is_refused_with_those_that_are_known(
    algorithm: Any,
) -> None:
    with pytest.raises(ValueError, match="log, window, aligned, counter, gcra, leaky, slots"):
        Limit(1, algorithm=algorithm)


@pytest.mark.parametrize("algorithm", [one for one in ALGORITHMS if one != "gcra"])
def test_a_burst_is_refused_where_it_means_nothing(algorithm: Any) -> None:
    with pytest.raises(ValueError, match="burst is for"):
        Limit(5, algorithm=algorithm, burst=5)


@pytest.mark.parametrize(
    ("burst", "error"),
    [(0, ValueError), (-1, ValueError), (True, TypeError), (1.0, TypeError), ("1", TypeError)],
)
def test_a_burst_that_is_no_number_of_hits_is_refused(burst: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="burst"):
        Limit(5, algorithm="gcra", burst=burst)


def test_more_slots_than_can_be_kept_are_refused() -> None:
    with pytest.raises(ValueError, match="10000 slots"):
        Limit(10_001, algorithm="slots")
    assert Limit(10_000, algorithm="slots").hits == 10_000


def test_a_leaky_bucket_is_one_of_a_single_token() -> None:
    assert Limit(5, algorithm="leaky") == Limit(5, algorithm="gcra", burst=1)
    assert Limit(5, algorithm="gcra") == Limit(5, algorithm="gcra", burst=5)


@pytest.mark.parametrize("name", [None, 5, b"a", []])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(TypeError, match="name of a limit"):
        Limit(5, name=name)


@pytest.mark.parametrize(
    "key",
    [
        "{chat.id}",
        "{chat[0]}",
        "{chat!r}",
        "{chat:>5}",
        "{chat:{user}}",
        "{}",
        "{0}",
        "{a b}",
        "{chat",
        "chat}",
    ],
)
def test_a_template_has_names_in_braces_and_nothing_else(key: str) -> None:
    with pytest.raises(ValueError, match="no template"):
        Limit(5, key=key)


@pytest.mark.parametrize("field", ["self", "key", "cost", "timeout", "seconds", "wait"])
def test_a_field_that_no_call_could_fill_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"called {field}"):
        Limit(5, key=f"x:{{{field}}}")


@pytest.mark.parametrize("key", [5, b"chat", ["chat"], lambda: "chat"])
def test_a_template_is_a_text(key: Any) -> None:
    with pytest.raises(TypeError, match="template"):
        Limit(5, key=key)


def test_braces_that_are_doubled_are_braces() -> None:
    assert Limit(5, key="{{a}}:{chat}").fields == {"chat"}


@pytest.mark.parametrize(
    ("text", "hits", "per"),
    [
        ("20/min", 20, 60),
        ("20 / min", 20, 60),
        ("20 per minute", 20, 60),
        ("5 PER 10 Seconds", 5, 10),
        ("5/10s", 5, 10),
        ("1/500ms", 1, 0.5),
        ("1/2 hours", 1, 7200),
        ("7/day", 7, 86_400),
        ("7/d", 7, 86_400),
        ("  3/h ", 3, 3600),
        ("3/m", 3, 60),
        ("3/sec", 3, 1),
    ],
)
def test_a_limit_is_written_as_people_write_one(text: str, hits: int, per: float) -> None:
    assert Limit.parse(text) == Limit(hits, per)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "20",
        "20/",
        "/min",
        "min",
        "20/fortnight",
        "20/min/s",
        "20/min,",
        ",20/min",
        "20/min 1/s",
        "-1/s",
        "+1/s",
        "0/s",
        "1/0s",
        "1.5/s",
        "1/1.5s",
        "1/s!",
        "1e3/s",
        "20/min\n\n1/s",
        "1/99999999999999999999 days",
        "1/" + "9" * 400 + "s",
        "1/" + "9" * 5000 + "s",
        "9" * 5000 + "/s",
        "99999999999999999999/s",
    ],
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"limit|per must|too large"):
        parse(text)


def test_a_text_that_is_no_limit_is_told() -> None:
    with pytest.raises(ValueError, match=r"'20/fortnight' is no limit: write one as 20/min"):
        parse("1/s, 20/fortnight")


@pytest.mark.parametrize("text", [None, 5, b"20/min", ["20/min"]])
def test_limits_are_written_as_a_text(text: Any) -> None:
    with pytest.raises(TypeError):
        parse(text)


def test_several_limits_are_written_with_commas() -> None:
    assert parse("20/min, 1/s") == (Limit(20, 60), Limit(1, 1))
    assert parse("20/min;1/s") == (Limit(20, 60), Limit(1, 1))
    options: dict[str, Any] = {"algorithm": "gcra", "key": "chat:{chat}"}
    assert parse("5/s", **options) == (Limit(5, 1, algorithm="gcra", key="chat:{chat}"),)
    with pytest.raises(ValueError, match="not one limit, but 2"):
        Limit.parse("20/min, 1/s")


@pytest.mark.parametrize(
    "given",
    [
        ("20/min, 20/min",),
        ("20/min", "20/minute"),
        ("20/min", Limit(20, 60)),
        (Limit(5, algorithm="leaky"), Limit(5, algorithm="gcra", burst=1)),
    ],
)
def test_the_same_limit_twice_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="twice"):
        RateLimiter(storage.MemoryStorage(), *given)


@pytest.mark.parametrize("given", [(None,), (20,), (20, 60), (["20/min"],), (b"20/min",)])
def test_what_is_neither_a_limit_nor_a_text_is_refused(given: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="a limit is a Limit or a text"):
        RateLimiter(storage.MemoryStorage(), *given)


def test_a_limiter_needs_a_limit() -> None:
    with pytest.raises(ValueError, match="needs a limit"):
        RateLimiter(storage.MemoryStorage())


@given(limit=limits())
def test_a_limit_is_written_so_that_it_can_be_read(limit: Limit) -> None:
    options: dict[str, Any] = {"algorithm": limit.algorithm, "name": limit.name, "key": limit.key}
    if limit.algorithm == "gcra":
        options["burst"] = limit.burst

    assert Limit.parse(str(limit), **options) == limit
    assert str(limit) in repr(limit)


def test_a_repr_tells_everything_that_is_not_usual() -> None:
    limit = Limit(20, 60, algorithm="gcra", burst=5, name="chats", key="chat:{chat}")

    assert repr(Limit(20, 60)) == "<Limit 20/min: 'log'>"
    assert repr(limit) == "<Limit 20/min: 'gcra', burst=5, name='chats', key='chat:{chat}'>"


@given(limit=limits())
def test_a_copy_of_a_limit_is_the_same(limit: Limit) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(limit, protocol))
        assert (again, type(again)) == (limit, Limit)
        assert again.rule.stored == limit.rule.stored
    assert copy.copy(limit) == copy.deepcopy(limit) == limit


@given(one=limits(), other=limits())
def test_limits_are_equal_if_all_that_they_say_is(one: Limit, other: Limit) -> None:
    said = [
        (limit.hits, limit.per, limit.algorithm, limit.burst, limit.name, limit.key)
        for limit in (one, other)
    ]

    assert (one == other) is (said[0] == said[1])
    assert len({one, other}) == (1 if one == other else 2)


@given(one=limits(), other=limits())
def test_definitions_that_differ_are_never_counted_as_one(one: Limit, other: Limit) -> None:
    """Whatever else is said of a limit than for whom it is, is a part of what is stored."""
    is_same = one._replace(key=None) == other._replace(key=None)

    assert (one.rule.stored == other.rule.stored) is is_same


@pytest.mark.parametrize("word", ["hits", "per", "algorithm", "name", "anything"])
def test_a_limit_can_not_be_changed(word: str) -> None:
    limit = Limit(20, 60)

    with pytest.raises((AttributeError, TypeError)):
        setattr(limit, word, 5)
    assert limit == Limit(20, 60)


def test_what_says_the_same_shares_what_is_counted() -> None:
    """Also where another limiter of the same store says it."""
    with storage.MemoryStorage() as store:
        first, second = RateLimiter(store, "2/min"), RateLimiter(store, Limit(2, 60))

        assert [bool(first.hit("k")), bool(second.hit("k")), bool(first.hit("k"))] == [
            True,
            True,
            False,
        ]


OTHERS = [
    Limit(2, 60, algorithm="window"),
    Limit(2, 60, algorithm="gcra"),
    Limit(2, 60, algorithm="gcra", burst=3),
    Limit(2, 60, algorithm="gcra", name="other"),
    Limit(2, 60, name="other"),
    Limit(2, 61),
    Limit(3, 60),
]


def test_no_two_of_those_that_differ_are_stored_as_one() -> None:
    assert len({limit.rule.stored for limit in [Limit(2, 60), *OTHERS]}) == 1 + len(OTHERS)


@pytest.mark.parametrize("other", OTHERS, ids=repr)
def test_what_says_something_else_shares_nothing(other: Limit) -> None:
    with storage.MemoryStorage() as store:
        first, second = RateLimiter(store, "2/min"), RateLimiter(store, other)
        first.hit("k", cost=2)

        assert second.peek("k").remaining == other.burst
