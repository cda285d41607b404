"""Bugs in how a server counts rate limits."""

from __future__ import annotations

from .bug import Bug

_LUA = "storage/redis/lua/"
_ROOM = "storage/redis/limits.py"


def _meters(words: str) -> tuple[str, ...]:
    return ("tests/limits/test_redis_meters.py", "-k", words)


def _faults(words: str) -> tuple[str, ...]:
    return ("tests/fault/redis/test_redis_limits.py", "-k", words)


def _cluster(words: str) -> tuple[str, ...]:
    return ("tests/topology/test_cluster_limits.py", "-k", words)


_SAME = ("tests/limits/test_same_bytes.py",)
_BOTH = ("tests/limits/test_usual_hits.py", "-k", "decides_and_stores")

BUGS = [
    Bug(
        "redis-limits-that-never-end",
        "whatever is stored of a meter ends",
        _LUA + "meters.lua",
        "head .. m.body, 'PXAT', math.ceil(ends / 1000))",
        "head .. m.body)",
        _meters("ends_when and hit"),
    ),
    Bug(
        "redis-limits-of-long-logs-that-never-move-their-end",
        "a long log lasts as long as its last hit counts",
        _LUA + "meters.lua",
        "    redis.call('PEXPIREAT', m.key, math.ceil(ends / 1000))\n",
        "",
        _meters("ends_when and long"),
    ),
    Bug(
        "redis-limits-cut-short",
        "what is stored lasts for as long as it counts",
        _LUA + "meters.lua",
        "store(m, head, math.max(fresh, seen, at, barred, told))",
        "store(m, head, math.max(seen, at, barred, told))",
        _meters("ends_when and hit"),
    ),
    Bug(
        "redis-limits-places-that-never-end",
        "places that were given back end",
        _LUA + "places.lua",
        "table.concat(parts), 'PXAT', math.ceil(ends / 1000))",
        "table.concat(parts))",
        _meters("ends_when and given"),
    ),
    Bug(
        "redis-limits-corrupt-taken-for-nothing",
        "bytes that are no record are told",
        _LUA + "meters.lua",
        "  elseif #raw < 64 then\n    return {-1, number}",
        "  elseif #raw < 64 then\n    redis.call('DEL', key)",
        _meters("no_record"),
    ),
    Bug(
        "redis-limits-another-record-accepted",
        "the record of another algorithm is told",
        _LUA + "meters.lua",
        "if kind ~= code or seen % 1",
        "if seen % 1",
        _meters("no_record"),
    ),
    Bug(
        "redis-limits-of-a-log-that-lost-moments",
        "a log that has fewer moments than it says is told",
        _LUA + "log.lua",
        "m.y <= m.x and m.x - m.y <= m.size",
        "m.y <= m.x",
        _meters("no_log"),
    ),
    Bug(
        "redis-limits-log-off-by-one",
        "a hit that is as old as the time of a log counts no more",
        _LUA + "log.lua",
        "if m.y < m.x and moment(m, m.y) <= over then",
        "if m.y < m.x and moment(m, m.y) < over then",
        _SAME,
    ),
    Bug(
        "redis-limits-log-that-searches-past-the-end",
        "what is found first in a log is the first that counts",
        _LUA + "log.lua",
        "if moment(m, middle) <= over then",
        "if moment(m, middle) < over then",
        _SAME,
    ),
    Bug(
        "redis-limits-log-that-is-moved-in-disorder",
        "a log that grows keeps its moments in their order",
        _LUA + "log.lua",
        "moments(m.y % size, first) .. moments(0, length - first)",
        "moments(0, length - first) .. moments(m.y % size, first)",
        _BOTH,
    ),
    Bug(
        "redis-limits-log-grown-in-place",
        "a hit in a log takes little more than its moment",
        _LUA + "log.lua",
        "needed + math.floor(needed / 8) + 4)",
        "2 * needed + 4)",
        _BOTH,
    ),
    Bug(
        "redis-limits-long-log-read-whole",
        "a long log is not read as a whole",
        _LUA + "log.lua",
        "'GETRANGE', key, 0, 1023)",
        "'GETRANGE', key, 0, -1)",
        _meters("neither_read"),
    ),
    Bug(
        "redis-limits-news-for-everybody",
        "a refusal is news once",
        _LUA + "hit.lua",
        "news = news and (m.ready <= now or m.told <= now)",
        "news = news and (m.ready <= now or m.told >= 0)",
        _SAME,
    ),
    Bug(
        "redis-limits-time-that-goes-back",
        "the time of meters is the latest that any of them saw",
        _LUA + "meters.lua",
        "    if seen > now then\n",
        "    if seen < 0 then\n",
        _meters("goes_back"),
    ),
    Bug(
        "redis-limits-hit-sent-again",
        "a hit that may have been counted is not sent again",
        _ROOM,
        "effect = READ if what == PEEK else ONCE",
        "effect = READ if what == PEEK else AGAIN",
        _faults("may_have_passed"),
    ),
    Bug(
        "redis-limits-refund-sent-again",
        "a refund that may have been made is not sent again",
        _ROOM,
        'return self._run("refund", ONCE,',
        'return self._run("refund", AGAIN,',
        _faults("may_have_passed"),
    ),
    Bug(
        "redis-limits-batch-said-again",
        "what a server has run of a batch is not said again",
        "storage/redis/door.py",
        'unknown = [index for index in asked if _is_about(replies[index], "NOSCRIPT")]',
        "unknown = list(asked) if any("
        '_is_about(replies[index], "NOSCRIPT") for index in asked) else []',
        _faults("one_script_of_a_batch"),
    ),
    Bug(
        "redis-limits-answer-awaited-for-ever",
        "nobody waits for an answer longer than it is worth",
        "storage/redis/links.py",
        "                end = min(end, budget.until)\n"
        "                if end <= now:\n                    is_clean = True\n"
        "                    return TOO_LATE\n",
        "                end += 0\n",
        _faults("longer_than"),
    ),
    Bug(
        "redis-limits-connecting-counted",
        "connecting has a time of its own",
        "storage/redis/links.py",
        "                        budget.forgive(monotonic() - before)",
        "                        budget.forgive(0)",
        _faults("time_of_its_own or slow_connection"),
    ),
    Bug(
        "redis-limits-script-forgotten-at-the-deadline",
        "a script that is forgotten when the time is over ends the call",
        "storage/redis/course.py",
        "script is not None and now < self.until:",
        "script is not None and now >= 0:",
        ("tests/fault/redis/test_course.py", "-k", "forgotten"),
    ),
    Bug(
        "redis-limits-retries-beyond-the-budget",
        "a budget ends a call before its deadline",
        "storage/redis/course.py",
        "min(self._deadline, self._budget.until)",
        "max(self._deadline, self._budget.until)",
        ("tests/fault/redis/test_course.py", "-k", "budget"),
    ),
    Bug(
        "redis-limits-haste-that-gives-a-server-up",
        "a server that was asked in haste is not given up by others",
        "storage/redis/door.py",
        "                if budget is None:\n                    self._give_up",
        "                if command:\n                    self._give_up",
        _faults("in_haste"),
    ),
    Bug(
        "redis-limits-slots-not-given-back",
        "what a later slot refuses is spent nowhere",
        _ROOM,
        "            if not decision.passed:\n                self._take_back(",
        "            if not decision.passed:\n"
        "                _of(meters, part) or self._take_back(",
        _cluster("one_node_refuses"),
    ),
    Bug(
        "redis-limits-spent-where-a-later-slot-fails",
        "what can not be asked everywhere is spent nowhere",
        _ROOM,
        "            except StorageError:\n                self._take_back(meters, passed, ask)\n",
        "            except StorageError:\n",
        _cluster("can_not_be_asked"),
    ),
    Bug(
        "redis-limits-places-of-several-slots",
        "a hit on several slots can be given back when their clocks differ",
        _LUA + "refund.lua",
        "  at = math.min(at, now)\n",
        "  at = math.max(at, 0)\n",
        _cluster("given_back_at_once"),
    ),
    Bug(
        "redis-limits-in-another-slot",
        "the meters of a key lie in the slot of the value under it",
        "storage/redis/places.py",
        'return f"{start}{{{name}}}".encode()',
        'return f"{start}{name}".encode()',
        _cluster("lie_in_the_slot"),
    ),
]
