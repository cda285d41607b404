"""Patterns of keys: nothing is read in two ways, and what overlaps is known."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage import ConfigurationError
from storage.core.patterns import Pattern

NAMES = "ab"
kinds = st.sampled_from([int, str])
LETTERS = st.text("x0-:%A{1é", max_size=4) | st.text(max_size=4)


@st.composite
def patterns(draw: st.DrawFn, literals: str = "x0-:%A{", apart: str = ":-{") -> Pattern:
    """Patterns of up to two fields."""
    text = st.text(literals, max_size=2)
    fields = {name: draw(kinds) for name in NAMES[: draw(st.integers(0, 2))]}
    parts = [draw(text)]
    for index, name in enumerate(fields):
        between = draw(text) + draw(st.sampled_from(apart)) + draw(text) if index else ""
        parts += [_doubled(between), f"{{{name}}}"]
    parts[0] = _doubled(parts[0])
    return Pattern("".join([*parts, _doubled(draw(text))]), fields)


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def values(pattern: Pattern, data: st.DataObject, letters: Any) -> dict[str, Any]:
    ints = st.integers(-(2**63), 2**63 - 1)
    return {
        name: data.draw(ints if kind is int else letters) for name, kind in pattern.kinds.items()
    }


@given(patterns(), st.data())
def test_what_was_written_is_read_back(pattern: Pattern, data: st.DataObject) -> None:
    """So two sets of values never make the same key."""
    made = values(pattern, data, LETTERS)

    key = pattern.format(made)

    assert pattern.parse(key) == made
    assert key.startswith(pattern.prefix)


@given(patterns(), st.text("x0-:%A{12ab", max_size=8))
def test_what_is_read_is_written_the_same(pattern: Pattern, key: str) -> None:
    """A key that is not written so is none of the pattern's."""
    made = pattern.parse(key)

    assert made is None or pattern.format(made) == key


@pytest.mark.parametrize(
    "key",
    ["user:042", "user:+1", "user:-0", "user:", "user:1 ", "user:\uff11", "user:1:", "User:1", "1"],
)
def test_an_integer_is_written_in_one_way(key: str) -> None:
    assert Pattern("user:{id}", {"id": int}).parse(key) is None


def test_integers_have_64_bits() -> None:
    pattern = Pattern("{id}", {"id": int})

    assert pattern.parse(str(2**63 - 1)) == {"id": 2**63 - 1}
    assert pattern.parse(str(-(2**63))) == {"id": -(2**63)}
    assert pattern.parse(str(2**63)) is None
    assert pattern.parse("9" * 5000) is None


def test_a_field_of_text_is_escaped_only_where_it_has_to_be() -> None:
    pattern = Pattern("cart:{chat}/{who}", {"chat": str, "who": str})

    key = pattern.format({"chat": "a:b/c", "who": "50% ann@home.example"})

    assert key == "cart:a%3Ab%2Fc/50%25 ann@home.example"
    assert pattern.parse(key) == {"chat": "a:b/c", "who": "50% ann@home.example"}


@pytest.mark.parametrize(
    "key", ["cart:a%3ab", "cart:a%41", "cart:a%", "cart:a%3", "cart:%2F", "cart:a:b"]
)
def test_an_escape_is_written_in_one_way(key: str) -> None:
    assert Pattern("cart:{who}", {"who": str}).parse(key) is None


def test_braces_are_written_twice() -> None:
    """As a hash tag of a cluster wants them."""
    pattern = Pattern("user:{{{id}}}:cart", {"id": int})

    assert pattern.format({"id": 42}) == "user:{42}:cart"
    assert pattern.parse("user:{42}:cart") == {"id": 42}


def test_a_pattern_without_fields_is_one_key() -> None:
    pattern = Pattern("settings", {})

    assert pattern.format({}) == "settings"
    assert pattern.parse("settings") == {}
    assert pattern.parse("settings2") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{a}{b}", "between {a} and {b}"),
        ("{a}x{b}", "between {a} and {b}"),
        ("{a}%{b}", "between {a} and {b}"),
        ("{a}:", "the field b"),
        ("{a}:{b}:{c}", "no field for {c}"),
        ("{a}:{b}:{a}", "more than once"),
        ("{a}:{b!r}", "no field"),
        ("{a}:{b:03}", "no field"),
        ("{a}:{b}:{}", "no field"),
        ("{a}:{b", "brace"),
        ("a}:{b}", "brace"),
    ],
)
def test_a_pattern_that_could_be_read_in_two_ways_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("{", r"\{")):
        Pattern(text, {"a": int, "b": str})


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("user:{a}", "user:{b}", True),
        ("user:{a}", "user:{a}:cart", False),
        ("user:{b}", "user:me", True),
        ("user:{a}", "user:me", False),
        ("user:{a}", "user:42", True),
        ("user:{a}", "user:0", True),
        ("user:{a}", "user:-7", True),
        ("user:{a}", "user:-0", False),
        ("user:{a}", "user:042", False),
        ("user:{b}", "user:a:b", False),
        ("user:{b}", "user:a%3Ab", True),
        ("user:{b}", "user:a%2Fb", False),
        ("{a}", "{b}", True),
        ("{b}", "anything:goes", True),
        ("{b}:x", "{b}:y", False),
        ("{a}-{b}", "{b}-{a}", True),
        ("a{a}", "b{a}", False),
    ],
)
def test_it_is_known_whether_two_patterns_make_the_same_key(
    one: str, other: str, shared: bool
) -> None:
    first, second = (made(text) for text in (one, other))

    witness = first.common(second)

    assert (witness is not None) is shared
    if witness is not None:
        assert first.parse(witness) is not None
        assert second.parse(witness) is not None
    assert (second.common(first) is not None) is shared


def made(text: str) -> Pattern:
    """`{a}` is an integer and `{b}` a text."""
    return Pattern(
        text, {name: kind for name, kind in (("a", int), ("b", str)) if f"{{{name}}}" in text}
    )


SHORT = {
    int: [0, 1, 2, 10, 11, -1, -10, 100],
    str: ["", "x", ":", "-", "0", "%", "1", "0:", "x0", "é"],
}


def keys_of(pattern: Pattern) -> set[str]:
    """Some of the keys of a pattern."""
    some = itertools.product(*(SHORT[kind] for kind in pattern.kinds.values()))
    return {pattern.format(dict(zip(pattern.kinds, chosen))) for chosen in some}


@given(patterns(), patterns())
@example(made("user:{a}"), made("user:{b}"))
def test_the_decision_agrees_with_keys_that_are_tried(one: Pattern, other: Pattern) -> None:
    witness = one.common(other)

    if witness is None:
        assert not [key for key in keys_of(one) if other.parse(key) is not None]
        assert not [key for key in keys_of(other) if one.parse(key) is not None]
    elif len(witness) < 18:
        assert one.parse(witness) is not None
        assert other.parse(witness) is not None


@given(patterns())
def test_a_pattern_shares_its_keys_with_itself(pattern: Pattern) -> None:
    assert pattern.common(pattern) is not None


def test_what_is_tried_meets_both_outcomes() -> None:
    """Otherwise the comparison above could say nothing."""
    assert made("x{a}").common(made("x{b}")) is not None
    assert made("x{a}").common(made("y{b}")) is None
    assert {"x:1", "x:-10"} <= keys_of(made("x:{a}"))
