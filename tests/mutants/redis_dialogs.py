"""Bugs in how a server keeps sessions of session continuity."""

from __future__ import annotations

from .bug import Bug

_LUA = "storage/redis/lua/"
_ROOM = "storage/redis/dialogs.py"


def _kept(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_redis_kept.py", "-k", f"({words}) and not aio")


def _beside(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_redis_layouts.py", "-k", words)


BUGS = [
    Bug(
        "redis-dialogs-that-trust-a-count-of-another-number",
        "counters are right after others have added a message",
        _LUA + "dialog.lua",
        "tonumber(kept[1]) == one.members and kept[4] == one.seq and kept[5]",
        "kept[5]",
        _beside("nobody_has_counted"),
    ),
    Bug(
        "redis-dialogs-that-trust-a-count-of-another-version",
        "counters are right after others have changed a message",
        _LUA + "dialog.lua",
        "kept[5] == one.version\n    and kept[6] == one.activity and",
        "kept[5] and",
        _beside("nothing_is_lost"),
    ),
    Bug(
        "redis-dialogs-that-count-what-ended",
        "messages that ended by themselves are none",
        _LUA + "dialog.lua",
        "one.lasts = math.min(one.lasts, now + left)",
        "one.lasts = one.lasts",
        _beside("ended_by_themselves"),
    ),
    Bug(
        "redis-dialogs-with-a-summary-of-other-messages",
        "a summary goes when others change messages",
        _LUA + "dialog.lua",
        "    one.compression = ''\n  end\n  keep_known(one)\n",
        "  end\n  keep_known(one)\n",
        _beside("summary_goes"),
    ),
    Bug(
        "redis-dialogs-numbered-from-one-in-the-older-layout",
        "a new message follows all that are there",
        _LUA + "dialog_add.lua",
        "  highest = math.max(highest, floor(tonumber(last[2]) or 0))\n",
        "",
        _beside("older_layout or nothing_is_lost"),
    ),
    Bug(
        "redis-dialogs-in-the-order-of-scores-of-two-kinds",
        "messages of both layouts are ordered by when they were made",
        _LUA + "dialog_page.lua",
        "elseif one.order == 'mixed' then",
        "elseif one.order == 'never' then",
        _beside("both_kinds"),
    ),
    Bug(
        "redis-dialogs-made-before-others",
        "a new message is not made before the one before it",
        _LUA + "dialog_add.lua",
        "  made = math.max(made, tonumber(one.last))\n",
        "  made = made\n",
        _beside("not_made_before"),
    ),
    Bug(
        "redis-dialogs-cleared-away-while-they-are-written-anew",
        "a session that another library writes anew loses nothing",
        _LUA + "dialog_gone.lua",
        "    return now - since >= 60000",
        "    return true",
        _beside("written_anew"),
    ),
    Bug(
        "redis-dialogs-that-take-messages-of-others-away",
        "a message that is one of another session stays",
        _LUA + "dialog_gone.lua",
        "    if head[1] == id then",
        "    if true then",
        _beside("cleared_away"),
    ),
    Bug(
        "redis-dialogs-whose-first-messages-end",
        "messages do not end before their session",
        _LUA + "dialog_terms.lua",
        "one.renews = ends > one.lasts or",
        "one.renews =",
        _kept("lives_as_long"),
    ),
    Bug(
        "redis-dialogs-whose-messages-stay",
        "all of a session ends with it",
        _LUA + "dialog_add.lua",
        "  call('PEXPIREAT', key, one.deadline)\n",
        "",
        _kept("leave_the_one"),
    ),
    Bug(
        "redis-dialogs-whose-list-of-messages-stays",
        "all of a session ends with it",
        _LUA + "dialog_add.lua",
        "    call('PEXPIREAT', messages, one.deadline)\n",
        "",
        _kept("leave_the_one"),
    ),
    Bug(
        "redis-dialogs-renewed-in-one-slice-only",
        "all messages are renewed, however many there are",
        _ROOM,
        "                if len(reply) > 1 and reply[1]:\n",
        "                if False:\n",
        _kept("in_slices"),
    ),
    Bug(
        "redis-dialogs-taken-for-renewed-too-early",
        "messages that were not renewed before are renewed next",
        _LUA + "dialog_terms.lua",
        "    if place < 0 then\n      one.lasts = one.deadline\n    else\n",
        "    one.lasts = one.deadline\n    if place >= 0 then\n",
        _kept("renewed_next"),
    ),
    Bug(
        "redis-dialogs-listed-no-longer-than-the-newest",
        "a list of sessions ends with the last of them",
        _LUA + "dialog_terms.lua",
        "(left == -2 or now + left < deadline)",
        "left",
        _kept("ends_with_the_last"),
    ),
    Bug(
        "redis-dialogs-that-end-a-list-of-others",
        "a list that never ends stays so",
        _LUA + "dialog_terms.lua",
        "elseif left ~= -1 and deadline",
        "elseif deadline",
        _kept("never_ends"),
    ),
    Bug(
        "redis-dialogs-with-messages-of-the-one-before",
        "a new session has no messages of one before it",
        _LUA + "dialog_create.lua",
        "local _, _, rest = pop(session)",
        "local rest = 0",
        _kept("is_over_is_free"),
    ),
    Bug(
        "redis-dialogs-whose-rest-stays",
        "what is left of a session that was taken away goes",
        _LUA + "dialog_remove.lua",
        "call('HSET', state, 'gone', 0)",
        "call('HSET', state, 'gone', now)",
        _kept("killed_process"),
    ),
    Bug(
        "redis-dialogs-half-gone-with-all-counters",
        "counters are exact after each slice",
        _LUA + "dialog_empty.lua",
        "one.tokens, one.compression = one.tokens - tokens, ''",
        "one.compression = ''",
        _kept("half_of_all"),
    ),
    Bug(
        "redis-dialogs-that-read-without-an-end",
        "large messages are read a few at a time",
        _LUA + "dialog_page.lua",
        "or size >= 1048576 then",
        "then",
        _kept("few_at_a_time"),
    ),
    Bug(
        "redis-dialogs-found-twice-or-not-at-all",
        "names that look like a pattern are found",
        _ROOM,
        "starting_with(self._prefix + start) + end.encode()",
        "(self._prefix + start).encode() + b'*' + end.encode()",
        _kept("any_text"),
    ),
    Bug(
        "redis-dialogs-on-a-cluster",
        "a cluster is refused when the room is made",
        _ROOM,
        "if door.places.clustered:",
        "if not door.places.clustered and False:",
        _kept("cluster_is_refused"),
    ),
]
