"""Hypothesis strategies for what a store is given: keys, values, lifetimes, namespaces."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from hypothesis import strategies as st

from ..ttl import DEFAULT, KEEP, Ttl

NASTY_KEYS: Final = (
    *("", " ", "\0", "a\0b", "\n", "\r\nDEL a\r\n", "\x7f", "\ufeff", "\u2028"),
    *("~", "~~", "~~x", "~ns~a~k", "~ns~a~", "~ns", "~limit~a", "%", "%7E", "%25"),
    *("*", "?", "[a-z]", "[^a]", "\\", "\\*", "{a}", "{}", "a:b", ":", "a::b", "a/b", ".."),
    *("\u00e9", "e\u0301", "\u00df", "\u0130", "\U0001f600", "\U0001f1e9\U0001f1ea", "\U00020000"),
    *("\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff", "a\U0010ffff", "a\U0010ffffb"),
    *("__proto__", "constructor", "'; DROP TABLE storage; --", '"', "`", "NULL", "0", "-1"),
    "k" * 10_000,
)
"""Keys that some store somewhere has stumbled over."""

NASTY_NAMES: Final = tuple(key for key in NASTY_KEYS if 0 < len(key) < 100)

SAFE: Final = 2**53 - 1

_HALVES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def keys() -> st.SearchStrategy[str]:
    """Any string that UTF-8 can carry, the nasty ones more often than chance would have them."""
    crowded = st.text("ab~%:*", max_size=4)
    return st.one_of(crowded, st.sampled_from(NASTY_KEYS), st.text(max_size=20))


def namespaces() -> st.SearchStrategy[str]:
    """Names of namespaces: any key but the empty one."""
    crowded = st.text("ab~%7En:", min_size=1, max_size=5)
    return st.one_of(crowded, st.sampled_from(NASTY_NAMES), st.text(min_size=1, max_size=20))


def values(max_leaves: int = 10) -> st.SearchStrategy[Any]:
    """The values that can be stored: those of JSON, as both Python and JavaScript have them."""
    return st.recursive(
        _scalars(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(_texts(), inner, max_size=4)
        ),
        max_leaves=max_leaves,
    )


def ttls() -> st.SearchStrategy[Ttl]:
    """Lifetimes of every form but the moment: seconds, spans, for ever, `KEEP` and `DEFAULT`."""
    ms = st.integers(1, 10**8)
    return st.one_of(
        st.sampled_from([None, KEEP, DEFAULT]),
        st.integers(1, 10**6),
        ms.map(lambda count: count / 1000),
        ms.map(lambda count: timedelta(milliseconds=count)),
    )


def _scalars() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-SAFE, SAFE),
        st.sampled_from([0, 1, -1, SAFE, -SAFE, 0.0, -0.0, 1.0, 1e16, 1e-7, 5e-324, 1.7e308]),
        st.floats(allow_nan=False, allow_infinity=False),
        _texts(),
    )


def _texts() -> st.SearchStrategy[str]:
    """Text, lone surrogates included; two halves of one character come back as that character."""
    anything = st.characters(exclude_categories=())
    whole = st.text(anything, max_size=10).filter(lambda text: not _HALVES.search(text))
    return st.one_of(whole, st.sampled_from(["", "\0", "__proto__", "1", "\U0001f600", "\ud800"]))
