"""Bugs in the short way in which a server adds a message where nothing is out of the ordinary."""

from __future__ import annotations

from .bug import Bug

_USUAL = "storage/redis/lua/dialog_usual.lua"


def _kept(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_redis_kept.py", "-k", f"({words}) and not aio")


def _beside(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_redis_layouts.py", "-k", f"({words}) and not aio")


def _as_agreed(words: str) -> tuple[str, ...]:
    return ("tests/contract/test_continuity.py", "-k", f"valkey and storage and ({words})")


BUGS = [
    Bug(
        "usual-messages-where-others-have-written",
        "counters are right after others have changed a session",
        _USUAL,
        "    and kept[5] == (head[3] or '1') and kept[6] == head[4] and kept[8] == ''",
        "    and kept[8] == ''",
        _beside("nothing_is_lost or nobody_has_counted or wrote_is_read"),
    ),
    Bug(
        "usual-messages-where-others-have-added",
        "counters are right after others have added a message",
        _USUAL,
        "tonumber(kept[1]) == call('ZCARD', messages)",
        "true",
        _beside("nothing_is_lost or nobody_has_counted or wrote_is_read"),
    ),
    Bug(
        "usual-messages-in-a-session-that-is-over",
        "a session that is expired takes no message",
        _USUAL,
        "string.find(head[2], form) and head[2] > stamp",
        "true",
        _as_agreed("is_over_is_not or time_is_over"),
    ),
    Bug(
        "usual-messages-in-a-session-that-rests",
        "a session that is paused or ended takes no message",
        _USUAL,
        "head[1] == 'active' and ARGV[7]",
        "ARGV[7]",
        _as_agreed("is_over_is_not or paused"),
    ),
    Bug(
        "usual-messages-over-a-budget",
        "a message for which there is no room is refused",
        _USUAL,
        " and tokens <= most and",
        " and",
        _as_agreed("than_there_may_be or who_adds"),
    ),
    Bug(
        "usual-messages-made-before-the-last",
        "a new message is not made before any other",
        _USUAL,
        " and last <= now",
        "",
        _beside("not_made_before"),
    ),
    Bug(
        "usual-messages-over-those-of-their-name",
        "a message of an id that is there stays as it is",
        _USUAL,
        " and call('HLEN', key) == 0",
        "",
        _as_agreed("twice_is_done_once"),
    ),
    Bug(
        "usual-messages-that-stay",
        "a message does not outlive its session for long",
        _USUAL,
        "        call('PEXPIREAT', key, kept[7])\n",
        "",
        _kept("lives_as_long or leave_the_one"),
    ),
    Bug(
        "usual-messages-that-keep-no-session",
        "a session lives on with each message",
        _USUAL,
        "        call('PEXPIRE', session, ttl)\n",
        "",
        _as_agreed("every_change_keeps"),
    ),
    Bug(
        "usual-messages-that-renew-nothing",
        "messages do not end before their session",
        _USUAL,
        "ttl == '' or lasts < math.huge and now + ttl <= lasts",
        "true",
        _kept("lives_as_long"),
    ),
    Bug(
        "usual-messages-that-count-twice",
        "the tokens of a session are those of its messages",
        _USUAL,
        "kept[3] + (tonumber(cost) or 0)",
        "kept[3] + 2 * (tonumber(cost) or 0)",
        _as_agreed("are_counted"),
    ),
    Bug(
        "usual-messages-with-a-summary-of-others",
        "a summary is gone when there is another message",
        _USUAL,
        " and kept[8] == ''",
        "",
        _as_agreed("shorter_to_is_over"),
    ),
]
