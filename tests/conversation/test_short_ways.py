"""Messages that do not belong to each other have a short way, to where all others get as well."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.core.messages import GUARDED, TURN, entry, marks, plain_heads, record
from storage.core.trim import plain_window, window
from storage.histories import Bounds

_most = st.none() | st.integers(1, 8)


@given(
    st.lists(st.tuples(st.sampled_from([0, TURN, GUARDED, TURN | GUARDED]), st.integers(0, 9))),
    st.builds(Bounds, _most, st.none() | st.integers(1, 30), _most),
)
def test_plain_messages_have_the_window_that_all_have(
    said: list[tuple[int, int]], bounds: Bounds
) -> None:
    records = [
        record(entry("user", 0, tokens, (), (), b"{}"), flags, 2 * number + 1, 5)
        for number, (flags, tokens) in enumerate(said)
    ]
    heads = plain_heads(records)
    assert heads is not None

    places, is_cut = plain_window(heads, bounds)

    shown, was_cut = window(marks(records), bounds, [], [])
    assert [heads[place][0] for place in places] == [one.seq for one in shown]
    assert is_cut is was_cut


@given(st.lists(st.integers(0, 255), max_size=4), st.permutations([1, 2, 3, 4]))
def test_only_plain_messages_in_order_have_a_short_way(flags: list[int], seqs: list[int]) -> None:
    ids = {32: ("a",), 64: ("a",)}
    records = [
        record(
            entry("user", 0, 1, ids.get(one & 32, ()), ids.get(one & 64, ()), b"{}"), one, seq, 5
        )
        for one, seq in zip(flags, seqs)
    ]
    is_plain = all(not one & 0b11110010 for one in flags)
    is_in_order = seqs[: len(flags)] == sorted(seqs[: len(flags)])

    assert (plain_heads(records) is not None) is (is_plain and is_in_order)
    assert plain_heads([*records, b"short"]) is None
