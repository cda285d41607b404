"""What a limiter says, for whom it counts, and what undoes that."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import pytest

import storage
from storage import (
    ClosedError,
    ConfigurationError,
    CorruptValueError,
    InvalidKeyError,
    RateLimitedError,
    SessionKey,
)
from tests.fault.ground import SECRET
from tests.limits.standing import Ground, near, passed

LOGS = ("log", "window", "counter", "gcra")
"""What lets all pass at once on a fresh key, and nothing more for a while."""


@pytest.mark.parametrize("algorithm", LOGS)
def test_a_verdict_tells_what_is_left_and_when_to_come_again(
    ground: Ground, algorithm: Any
) -> None:
    limit = ground.limit(3, 30, algorithm=algorithm)
    limiter = ground.limiter(limit)

    for left in (2, 1, 0):
        verdict = limiter.hit("k")
        assert verdict
        assert (verdict.allowed, verdict.remaining, verdict.retry_after) == (True, left, 0)
        assert (verdict.limit, verdict.refused_by, verdict.cost) == (limit, None, 1)
        assert verdict.error is None
    assert verdict.reset_at > ground.at(0)
    refused = limiter.hit("k")

    assert not refused
    assert (refused.allowed, refused.remaining, refused.refused_by) == (False, 0, limit)
    assert refused.reset_at == verdict.reset_at
    assert 0 < refused.retry_after <= 60
    ground.clock.tick(refused.retry_after - 0.002)
    assert not limiter.peek("k")
    ground.clock.tick(0.004)
    assert limiter.hit("k")


def test_the_numbers_of_a_verdict_are_true_all_along(ground: Ground) -> None:
    """Three at once, and then whenever one of them is a window old."""
    limiter = ground.limiter("3/10s")
    start = ground.at(0)
    for second in range(3):
        assert limiter.hit("k").remaining == 2 - second
        ground.clock.tick(1)

    refused = limiter.hit("k")
    assert refused.retry_after == near(7)
    assert (refused.reset_at - start).total_seconds() == near(12)
    ground.clock.tick(7.001)
    verdict = limiter.hit("k")
    assert (verdict.remaining, (verdict.reset_at - start).total_seconds()) == (0, near(20))
    ground.clock.tick(10.002)
    whole = limiter.peek("k")
    assert (whole.remaining, (whole.reset_at - start).total_seconds()) == (3, near(20.003))


@pytest.mark.parametrize("algorithm", ["log", "window", "aligned", "counter", "gcra", "leaky"])
def test_who_comes_when_told_passes_and_nobody_does_before(ground: Ground, algorithm: Any) -> None:
    chance = random.Random(5)
    limiter = ground.limiter(ground.limit(3, 7, algorithm=algorithm), remember=0)
    for _ in range(20):
        verdict = limiter.hit("k")
        if verdict:
            ground.clock.tick(chance.choice([0, 0.001, 0.5, 3]))
            continue
        if verdict.retry_after > 0.005:
            ground.clock.tick(verdict.retry_after - 0.003)
            assert not limiter.peek("k")
            ground.clock.tick(0.005)
        else:
            ground.clock.tick(0.006)
        assert limiter.hit("k")


def test_of_several_limits_the_numbers_are_those_of_the_tightest(ground: Ground) -> None:
    minute, second = ground.limit(3, 60), ground.limit(2, 1)
    limiter = ground.limiter(minute, second)

    verdict = limiter.hit("k")
    assert (verdict.limit, verdict.remaining) == (second, 1)
    limiter.hit("k")
    refused = limiter.hit("k")
    assert (refused.refused_by, refused.retry_after) == (second, near(1))
    ground.clock.tick(1.5)
    last = limiter.hit("k")
    assert (last.limit, last.remaining) == (minute, 0)
    refused = limiter.hit("k")
    assert (refused.refused_by, refused.retry_after) == (minute, near(58.5))


def test_a_refusal_by_two_limits_is_that_of_the_longer_wait(ground: Ground) -> None:
    minute, second = ground.limit(1, 60), ground.limit(1, 1)
    for limits in ((minute, second), (second, minute)):
        limiter = ground.limiter(*limits)
        limiter.reset("k")
        limiter.hit("k")

        refused = limiter.hit("k")
        assert (refused.refused_by, refused.retry_after) == (minute, near(60))


def test_what_one_limit_refuses_spends_nothing_of_the_others(ground: Ground) -> None:
    limiter = ground.limiter(
        ground.limit(30, 1, key="all"),
        ground.limit(1, 1, key="chat:{chat}"),
        ground.limit(20, 60, key="group:{chat}"),
    )
    assert limiter.hit(chat=1)
    for _ in range(40):
        assert not limiter.hit(chat=1)

    told = limiter.explain(chat=2)
    assert "for 'all', log: 29 of 30 left" in told
    assert passed(limiter, 1, chat=2) == 1


def test_who_hits_less_than_is_left_passes_beside_who_was_refused_more(ground: Ground) -> None:
    limiter = ground.limiter("5/min")

    assert limiter.hit("k", cost=3).remaining == 2
    refused = limiter.hit("k", cost=3)
    assert (bool(refused), refused.remaining, refused.cost) == (False, 2, 3)
    assert limiter.hit("k", cost=2).remaining == 0


@pytest.mark.parametrize(
    ("cost", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (4, ValueError),
        (10**400, ValueError),
        (True, TypeError),
        (1.0, TypeError),
        ("1", TypeError),
        (None, TypeError),
        ([], TypeError),
    ],
)
def test_a_cost_that_could_never_pass_is_refused_whoever_was_refused(
    memory: Ground, cost: Any, error: type[Exception]
) -> None:
    limiter = memory.limiter(memory.limit(3, 60), memory.limit(20, 1))
    calls = [
        lambda: limiter.hit("k", cost=cost),
        lambda: limiter.peek("k", cost=cost),
        lambda: limiter.acquire("k", cost=cost),
        lambda: limiter.hit_many(["k"], cost=cost),
        lambda: limiter.refund("k", cost=cost),
        lambda: limiter.limited(key="k", cost=cost),
    ]
    for used in (0, 3):
        passed(limiter, used + 1, "k")
        for call in calls:
            with pytest.raises(error, match="cost"):
                call()


def test_the_cost_that_can_pass_at_the_most_is_the_burst(memory: Ground) -> None:
    limiter = memory.limiter(memory.limit(3, 60, algorithm="gcra", burst=5))

    with pytest.raises(ValueError, match="a cost of 6 can never pass: 5 is the most"):
        limiter.hit("k", cost=6)
    assert limiter.hit("k", cost=5)


def test_peek_says_what_a_hit_would_and_counts_nothing(ground: Ground) -> None:
    limiter = ground.limiter("2/min")
    for left in (2, 1):
        for _ in range(3):
            verdict = limiter.peek("k")
            assert (bool(verdict), verdict.remaining) == (True, left)
        assert not limiter.peek("k", cost=2) or left == 2
        limiter.hit("k")
    refused = limiter.peek("k")
    assert (bool(refused), refused.retry_after) == (False, near(60))


# For whom.


def test_keys_are_counted_apart(ground: Ground) -> None:
    limiter = ground.limiter("1/min")

    assert [bool(limiter.hit(key)) for key in ("a", "b", "a", "")] == [True, True, False, True]


@pytest.mark.parametrize("names", [("7", 7), (SessionKey(100, 7), "100:7"), (-5, "-5")])
def test_a_number_is_its_text(ground: Ground, names: tuple[Any, Any]) -> None:
    limiter = ground.limiter("1/min")

    assert limiter.hit(names[0])
    assert not limiter.hit(names[1])
    assert not limiter.hit(names[0])


TEXTS = [
    "",
    " ",
    "~",
    "~ns~a~k",
    "~limit~log:1:60000~k",
    "*",
    "a\0b",
    "\n",
    "🤖",
    "ä" * 300,
    "%3A:",
]


def test_any_text_is_a_key_of_its_own(ground: Ground) -> None:
    limiter = ground.limiter("1/min")

    assert [bool(limiter.hit(text)) for text in TEXTS] == [True] * len(TEXTS)
    assert [bool(limiter.peek(text)) for text in TEXTS] == [False] * len(TEXTS)
    limiter.reset("*")
    assert [bool(limiter.peek(text)) for text in TEXTS].count(True) == 1


@pytest.mark.parametrize("key", ["\ud800", True, 1.5, b"k", ["k"], {"k": 1}, ("k",), object()])
def test_what_is_no_key_is_refused(memory: Ground, key: Any) -> None:
    plain = memory.limiter("1/min")
    filled = memory.limiter(memory.limit(1, key="chat:{chat}"))
    plain.hit(1)
    for call in (plain.hit, plain.peek, plain.reset, plain.block, plain.explain, plain.acquire):
        with pytest.raises(InvalidKeyError):
            call(key)
    for name in ("hit", "peek", "reset", "block", "explain", "acquire"):
        with pytest.raises(InvalidKeyError):
            getattr(filled, name)(chat=key)


@pytest.mark.parametrize("key", [True, 1.0])
def test_what_equals_somebody_who_was_refused_is_still_no_key(memory: Ground, key: Any) -> None:
    plain = memory.limiter("1/min")
    filled = memory.limiter(memory.limit(1, key="chat:{chat}"))
    passed(plain, 2, 1)
    passed(filled, 2, chat=1)

    with pytest.raises(InvalidKeyError):
        plain.hit(key)
    with pytest.raises(InvalidKeyError):
        filled.hit(chat=key)


def test_a_template_is_filled_with_what_the_hit_is_for(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(1, key="chat:{chat}:{user}"))

    assert limiter.hit(chat=1, user="2")
    assert not limiter.hit(user=2, chat="1")
    assert limiter.hit(chat=2, user=1)
    assert limiter.hit(chat="12", user="")
    assert limiter.hit(chat="1:2", user="")


def test_a_colon_in_a_value_is_no_border_of_the_template(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(1, key="{a}:{b}"))
    pairs = [("x", "y:z"), ("x:y", "z"), ("x%3Ay", "z"), ("x", "y%3Az"), (SessionKey(1, 2), "")]

    assert all(limiter.hit(a=a, b=b) for a, b in pairs)
    assert not any(limiter.hit(a=a, b=b) for a, b in pairs)


def test_limits_for_a_user_and_for_a_chat_are_one_call(ground: Ground) -> None:
    user, chat = ground.limit(2, 60, key="{user}"), ground.limit(3, 60, key="{chat}")
    limiter = ground.limiter(user, chat)

    assert passed(limiter, 3, user="u1", chat="c1") == 2
    assert passed(limiter, 3, user="u2", chat="c1") == 1
    refused = limiter.hit(user="u2", chat="c1")
    assert refused.refused_by == chat
    assert limiter.hit(user="u2", chat="c2").limit == user


def test_who_is_called_as_the_chat_counts_once(ground: Ground) -> None:
    """As in a private chat, whose number is that of the user."""
    same = ground.limit(2, 60, key="{user}"), ground.limit(2, 60, key="{chat}")
    limiter = ground.limiter(*same)

    assert passed(limiter, 3, user=7, chat=7) == 2
    assert len(limiter.explain(user=7, chat=7).splitlines()) == 1
    assert passed(limiter, 3, user=8, chat=9) == 2


def test_a_limit_for_everybody_stands_beside_one_for_each(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(3, 60, key="all"), ground.limit(2, 60, key="{user}"))

    assert [passed(limiter, 3, user=user) for user in "abc"] == [2, 1, 0]


def test_without_a_field_a_limit_with_a_key_is_for_everybody() -> None:
    with storage.MemoryStorage() as store:
        alone = storage.RateLimiter(store, storage.Limit(1, 60, key="all"))
        assert alone.hit()
        assert not alone.hit()
        with pytest.raises(TypeError, match="keys of their own: say nothing"):
            alone.hit("k")


def test_a_key_is_for_the_limits_without_a_template_only(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(3, 60, key="all"), "2/min")

    with pytest.raises(TypeError, match="for whom"):
        limiter.hit()
    assert [passed(limiter, 3, user) for user in "abc"] == [2, 1, 0]


@pytest.mark.parametrize("name", ["hit", "peek", "acquire", "explain"])
def test_what_is_missing_or_unknown_is_told(memory: Ground, name: str) -> None:
    plain = getattr(memory.limiter("1/min"), name)
    filled = getattr(memory.limiter(memory.limit(1, key="{chat}:{user}")), name)

    with pytest.raises(TypeError, match="for whom"):
        plain()
    with pytest.raises(TypeError, match="no limit here has a field chat"):
        plain("k", chat=5)
    with pytest.raises(ValueError, match=r"want to know more: say chat=\.\.\., user=\.\.\."):
        filled()
    with pytest.raises(ValueError, match=r"say user=\.\.\."):
        filled(chat=5)
    with pytest.raises(TypeError, match="no limit here has a field thread"):
        filled(chat=5, user=6, thread=7)
    with pytest.raises(TypeError, match=r"say chat=\.\.\., user=\.\.\."):
        filled("k")


# What undoes.


def test_what_passed_is_given_back_once(ground: Ground) -> None:
    limiter = ground.limiter("3/min")
    verdicts = [limiter.hit("k", cost=2), limiter.hit("k")]
    for _ in range(3):
        limiter.refund(verdicts[0])

    assert limiter.peek("k").remaining == 2
    limiter.refund(verdicts[1])
    assert limiter.peek("k").remaining == 3


def test_a_copy_of_a_verdict_may_give_back_as_well_but_no_more_than_counts(
    ground: Ground,
) -> None:
    limiter = ground.limiter("3/min")
    verdict = limiter.hit("k")
    for _ in range(5):
        limiter.refund(copy.copy(verdict))
    limiter.refund("k", cost=3)

    assert passed(limiter, 9, "k") == 3


def test_nothing_is_given_back_for_what_was_refused(ground: Ground) -> None:
    limiter = ground.limiter("2/min")
    passed(limiter, 2, "k")
    limiter.refund(limiter.hit("k"))

    assert not limiter.peek("k")


def test_what_counts_no_more_is_not_given_back(ground: Ground) -> None:
    limiter = ground.limiter("2/min")
    old = limiter.hit("k")
    ground.clock.tick(61)
    passed(limiter, 2, "k")
    limiter.refund(old)

    assert not limiter.hit("k")


def test_a_refund_is_for_all_the_limits_of_the_hit(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(2, 60, key="all"), ground.limit(2, 1, key="{chat}"))
    limiter.refund(limiter.hit(chat=1))
    limiter.hit(chat=1)
    limiter.refund(chat=1)

    assert passed(limiter, 3, chat=1) == 2


def test_a_key_is_given_back_what_it_costs(ground: Ground) -> None:
    limiter = ground.limiter("5/min")
    limiter.hit("k", cost=5)
    limiter.refund("k", cost=3)
    limiter.refund("k")

    assert limiter.peek("k").remaining == 4


def test_a_reset_forgets_what_was_counted_and_blocked(ground: Ground) -> None:
    limiter = ground.limiter("1/min", "5/h")
    passed(limiter, 2, "k")
    limiter.hit("other")
    limiter.block("k", 3600)
    assert not limiter.hit("k")
    limiter.reset("k")

    assert limiter.hit("k").remaining == 0
    assert not limiter.hit("other")


def test_a_block_lets_nothing_pass_until_it_ends(ground: Ground) -> None:
    limiter = ground.limiter("5/s")
    limiter.block("k", 90)
    limiter.block("k", 10)
    blocked = limiter.hit("k")

    assert (bool(blocked), blocked.remaining) == (False, 0)
    assert blocked.retry_after == near(90)
    assert limiter.hit("other")
    ground.clock.tick(89.9)
    assert not limiter.hit("k")
    ground.clock.tick(0.2)
    assert passed(limiter, 9, "k") == 5


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(0, ValueError), (-1, ValueError), (None, ValueError), (True, ValueError), ("5", TypeError)],
)
def test_a_block_that_never_ends_or_begins_is_refused(
    memory: Ground, seconds: Any, error: type[Exception]
) -> None:
    limiter = memory.limiter("5/s")

    with pytest.raises(error):
        limiter.block("k", seconds)
    assert limiter.hit("k")


def test_of_templates_those_are_blocked_that_are_told_enough(ground: Ground) -> None:
    limiter = ground.limiter(
        ground.limit(30, 1, key="all"),
        ground.limit(5, 1, key="chat:{chat}"),
        ground.limit(5, 2, key="user:{chat}:{user}"),
    )
    limiter.block(chat=1, seconds=60)

    assert limiter.hit(chat=1, user=1).refused_by.key == "chat:{chat}"
    assert limiter.hit(chat=2, user=1)
    limiter.block(seconds=30)
    assert limiter.hit(chat=2, user=1).refused_by.key == "all"
    limiter.reset()
    limiter.reset(chat=1)
    assert limiter.hit(chat=1, user=1)
    limiter.block(chat=3, user=1, seconds=60)
    assert limiter.hit(chat=3, user=2).refused_by.key == "chat:{chat}"
    with pytest.raises(ValueError, match="none of these limits"):
        limiter.block(user=1, seconds=60)


def test_to_block_one_is_not_to_block_everybody(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(5, 60, key="all"), "2/min")
    limiter.hit("a")
    limiter.block("a", 60)
    limiter.reset("b")

    assert not limiter.hit("a")
    assert limiter.hit("b")
    assert "for 'all', log: 3 of 5 left" in limiter.explain("b")


# Many, words, and stores.


def test_many_hits_are_decided_each_by_itself_in_their_order(ground: Ground) -> None:
    limiter = ground.limiter("2/min")

    verdicts = limiter.hit_many(["a", "b", "a", 5, "a", "5"])
    assert [bool(one) for one in verdicts] == [True, True, True, True, False, True]
    assert [one.remaining for one in verdicts] == [1, 1, 0, 1, 0, 0]
    assert verdicts[4].retry_after == near(60)
    limiter.refund(verdicts[1])
    assert limiter.peek("b").remaining == 2
    assert limiter.hit_many([]) == []
    assert [bool(one) for one in limiter.hit_many(iter(["c", "c"]), cost=2)] == [True, False]


def test_many_hits_of_templates(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(1, 60, key="{chat}:{user}"), ground.limit(2, key="all"))
    whom = [{"chat": 1, "user": 2}, {"chat": 1, "user": 2}, {"chat": 2, "user": 2}]

    assert [bool(one) for one in limiter.hit_many([*whom, {"chat": 3, "user": 3}])] == [
        True,
        False,
        True,
        False,
    ]


def test_nothing_is_spent_where_one_of_many_is_no_key(ground: Ground) -> None:
    limiter = ground.limiter("1/min")

    with pytest.raises(InvalidKeyError):
        limiter.hit_many(["a", 1.5])
    assert limiter.hit("a")


def test_one_key_is_not_taken_for_its_letters(ground: Ground) -> None:
    limiter = ground.limiter("1/min")

    for key in ("aa", b"aa", {"user": 7}):
        with pytest.raises(TypeError, match="hit_many takes several keys"):
            limiter.hit_many(key)
    assert limiter.hit("a")


def test_the_limits_are_explained_in_words(ground: Ground) -> None:
    limiter = ground.limiter(
        ground.limit(2, 60, name="texts", key="{chat}"),
        ground.limit(20, 2000, algorithm="gcra", key="all"),
    )
    assert limiter.explain(chat="ann") == (
        "2/min (texts) for 'ann', log: 2 of 2 left\n20/2000s for 'all', gcra: 20 of 20 left"
    )
    limiter.hit(chat="ann")
    ground.clock.tick(15.5)
    limiter.hit(chat="ann")
    assert limiter.explain(chat="ann") == (
        "2/min (texts) for 'ann', log: nothing passes for 44.5 s, all of it again in 60 s\n"
        "20/2000s for 'all', gcra: 18 of 20 left, all of it again in 185 s"
    )


def test_a_limiter_and_its_verdicts_tell_what_they_are(ground: Ground) -> None:
    limiter = ground.limiter("1/min", ground.limit(5, 1, key="all"))
    verdict, refused = limiter.hit("k"), limiter.hit("k")

    assert limiter.limits == (ground.limit(1, 60), ground.limit(5, 1, key="all"))
    assert repr(verdict) == "<Verdict: allowed, 0 of 1/min left>"
    assert repr(refused).startswith("<Verdict: refused by 1/min, try again in ")


def test_a_verdict_and_the_error_of_one_go_to_another_process(ground: Ground) -> None:
    limiter = ground.limiter(ground.limit(1, 60, algorithm="gcra", key="{chat}"))
    verdict = limiter.hit(chat=1)
    error = RateLimitedError("too often", retry_after=1.5, verdict=limiter.hit(chat=1))

    again = pickle.loads(pickle.dumps(verdict))
    limiter.refund(again)
    assert limiter.peek(chat=1).remaining == 1
    told = pickle.loads(pickle.dumps(error))
    assert (told.retry_after, told.verdict.retry_after) == (1.5, error.verdict.retry_after)


def test_namespaces_are_counted_apart(ground: Ground) -> None:
    base = ground.place.base
    limiters = [
        ground.limiter("1/min", store=store)
        for store in (base, base.namespace("a"), base.namespace("a").namespace("b"))
    ]

    assert all(limiter.hit("k") for limiter in limiters)
    assert not any(limiter.hit("k") for limiter in limiters)
    assert not ground.limiter("1/min", store=base.namespace("a")).hit("k")


def test_what_a_store_makes_of_values_is_nothing_to_its_limits(ground: Ground) -> None:
    """They are no values: nothing of them is encrypted, enveloped or of a type."""
    base, half = ground.place.base, ground.half
    stores = [
        base,
        base.typed(dict),
        half.encrypted(base, b"k" * 32),
        half.compressed(base),
        half.enhance_storage(base, migrations={1: lambda data: data}, clock=ground.clock),
    ]

    verdicts = [ground.limiter("3/min", store=store).hit("k") for store in stores]
    assert [bool(one) for one in verdicts] == [True] * 3 + [False] * 2


def test_limits_are_no_entries(ground: Ground) -> None:
    limiter = ground.limiter("1/min", ground.limit(5, 1, name="n", key="all"))
    limiter.hit("k")

    assert list(ground.place.plain.keys()) == []
    ground.place.plain.set("k", 1)
    ground.place.plain.delete("k")
    assert not limiter.hit("k")


def test_a_store_that_is_closed_counts_nothing(ground: Ground) -> None:
    limiter = ground.limiter("1/min", on_error="allow")
    limiter.hit("k")
    ground.place.plain.close()
    for call in (
        lambda: limiter.hit("other"),
        lambda: limiter.peek("k"),
        lambda: limiter.acquire("k", timeout=0),
        lambda: limiter.hit_many(["k"]),
        lambda: limiter.reset("k"),
        lambda: limiter.refund("k"),
        lambda: limiter.block("k"),
        lambda: limiter.explain("k"),
    ):
        with pytest.raises(ClosedError):
            call()


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", SECRET.encode(), bytes(64), b"\xff" * 72],
    ids=["empty", "json", "text", "zeros", "ones"],
)
def test_a_record_that_can_not_be_read_is_told_whatever_the_policy_and_left(
    bytes_ground: Ground, raw: bytes
) -> None:
    ground = bytes_ground
    limiter = ground.limiter("1/min", on_error="allow")
    limiter.hit("k")
    ground.damage(raw)
    for name in ("hit", "peek", "explain"):
        with pytest.raises(CorruptValueError, match="'k'") as told:
            getattr(limiter, name)("k")
        assert SECRET not in str(told.value)
    assert ground.records() == [raw]
    limiter.reset("k")
    assert limiter.hit("k")


@pytest.mark.parametrize(
    "options",
    [
        {"on_error": "open"},
        {"on_error": None},
        {"on_error": []},
        {"budget": -1},
        {"budget": float("nan")},
        {"workers": 0},
        {"workers": True},
        {"workers": 1.5},
        {"remember": -1},
        {"remember": float("nan")},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(memory: Ground, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))} must"):
        memory.inner("1/min", **options)


@pytest.mark.parametrize(
    "options",
    [{"remember": None}, {"remember": "1"}, {"remember": True}, {"budget": "1"}],
    ids=str,
)
def test_options_of_another_kind_are_refused(memory: Ground, options: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"{next(iter(options))} must"):
        memory.inner("1/min", **options)


def test_a_slot_is_no_hit(memory: Ground) -> None:
    limiter = memory.limiter(memory.limit(2, 60, algorithm="slots"), "5/min")
    for call in (
        lambda: limiter.hit("k"),
        lambda: limiter.acquire("k"),
        lambda: limiter.hit_many(["k"]),
        lambda: limiter.refund("k"),
        lambda: limiter.limited(key="k"),
    ):
        with pytest.raises(ConfigurationError, match=r"use slot\(\)"):
            call()
    assert limiter.peek("k").remaining == 2


def test_a_block_for_centuries_is_counted_exactly(ground: Ground) -> None:
    """No number that counts time gets too large for that."""
    limiter = ground.limiter("5/min")
    limiter.block("k", seconds=365 * 86_400 * 5000)

    assert limiter.hit("k").retry_after > 50 * 365 * 86_400
    assert not limiter.peek("k")
