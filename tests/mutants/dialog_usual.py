"""Bugs in the short way in which a server adds a message where nothing is out of the ordinary."""

from __future__ import annotations

from .bug import Bug

_USUAL = "storage/redis/lua/dialog_usual.lua"


def _seen(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_redis_usual.py", "-k", f"({words}) and blocking")


def _as_agreed(words: str) -> tuple[str, ...]:
    return ("tests/contract/test_continuity.py", "-k", f"valkey and storage and ({words})")


BUGS = [
    Bug(
        "usual-messages-where-others-have-written",
        "counters are right after others have changed a session",
        _USUAL,
        " and kept[6] == head[4]",
        "",
        _seen("no_versions"),
    ),
    Bug(
        "usual-messages-where-others-have-added",
        "a message for which others have left no room is refused",
        _USUAL,
        "tonumber(kept[1]) == call('ZCARD', messages)",
        "true",
        _seen("others_have_left"),
    ),
    Bug(
        "usual-messages-by-a-counter-of-others",
        "counters are right after others have counted on",
        _USUAL,
        "number and number ~= seq + 1",
        "false",
        _seen("in_its_place or counter_that_is_gone"),
    ),
    Bug(
        "usual-messages-in-a-session-that-is-over",
        "a session that is expired takes no message",
        _USUAL,
        "string.find(head[2], form) and head[2] > stamp",
        "true",
        _seen("whose_time_is_over"),
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
        _seen("no_message_is_made_before"),
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
        _seen("little_longer"),
    ),
    Bug(
        "usual-messages-that-keep-no-session",
        "a session lives on with each message",
        _USUAL,
        "        call('PEXPIRE', session, ttl)\n",
        "",
        _seen("lasts_on_with"),
    ),
    Bug(
        "usual-messages-that-renew-nothing",
        "messages do not end before their session",
        _USUAL,
        "ttl == '' or lasts < math.huge and now + ttl <= lasts",
        "true",
        _seen("little_longer"),
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
