"""Bugs in the short way that a usual hit of rate limits goes on a server."""

from __future__ import annotations

from .bug import Bug

_LUA = "storage/redis/lua/"


def _usual(words: str) -> tuple[str, ...]:
    return ("tests/limits/test_usual_hits.py", "-k", words)


_SAME = _usual("decides_and_stores")
_READS = _usual("reads_the_clock")

BUGS = [
    Bug(
        "usual-hits-that-go-the-long-way",
        "a usual hit reads the clock, and reads and writes its meter",
        _LUA + "usual.lua",
        "if ARGV[2] ~= 'peek' then",
        "if ARGV[2] == 'all' then",
        _READS,
    ),
    Bug(
        "usual-hits-of-new-logs-that-go-the-long-way",
        "the first hit of a log is a usual one",
        _LUA + "usual.lua",
        "        raw = pcall('GET', key)\n      end\n",
        "        raw = pcall('GET', key) or raw\n      end\n",
        _READS,
    ),
    Bug(
        "usual-hits-without-refusals",
        "a refusal by one limit reads it once",
        _LUA + "usual_hit.lua",
        "if ready and count == 1 and",
        "if ready and count == 0 and",
        _usual("refusal_by_one"),
    ),
    Bug(
        "usual-hits-that-tell-nobody",
        "a refusal that is to be told is noted",
        _LUA + "usual_hit.lua",
        "count == 1 and ARGV[2] == 'hit' then",
        "count == 1 then",
        _SAME,
    ),
    Bug(
        "usual-hits-that-pass-a-bar",
        "what is barred does not pass the short way",
        _LUA + "usual.lua",
        "at <= now and barred <= now and told",
        "at <= now and told",
        _SAME,
    ),
    Bug(
        "usual-hits-before-who-waits",
        "nobody passes before who waits",
        _LUA + "usual.lua",
        "seen <= now and at <= now and",
        "seen <= now and",
        _SAME,
    ),
    Bug(
        "usual-hits-at-a-time-that-goes-back",
        "the time of a meter is the latest that it saw",
        _LUA + "usual.lua",
        "seen <= now and at <= now and",
        "at <= now and",
        _SAME,
    ),
    Bug(
        "usual-hits-of-another-record",
        "the record of another algorithm is told",
        _LUA + "usual.lua",
        "if kind ~= code\n",
        "if not kind\n",
        _SAME,
    ),
    Bug(
        "usual-hits-of-fractions",
        "a record holds whole numbers",
        _LUA + "usual.lua",
        "x % 1 + y % 1 + z % 1 == 0) then",
        "x % 1 + y % 1 + z % 1 >= 0) then",
        _SAME,
    ),
    Bug(
        "usual-hits-that-forget-who-was-told",
        "who was told is known after the next hit that passes",
        _LUA + "usual_hit.lua",
        "code, now, now, barred, told, x, y, z)",
        "code, now, now, barred, 0, x, y, z)",
        _SAME,
    ),
    Bug(
        "usual-hits-that-never-end",
        "whatever is stored of a meter ends",
        _LUA + "usual_hit.lua",
        "call('SET', keys[number], head, 'PXAT', till)",
        "call('SET', keys[number], head)",
        ("tests/limits/test_redis_meters.py", "-k", "ends_when and hit"),
    ),
    Bug(
        "usual-hits-cut-short",
        "what is stored lasts for as long as it counts",
        _LUA + "usual_hit.lua",
        "      till = fresh\n",
        "      till = till + 0\n",
        ("tests/limits/test_redis_meters.py", "-k", "ends_when and hit"),
    ),
    Bug(
        "usual-hits-spent-where-a-later-limit-refuses",
        "what one limit refuses is counted by none",
        _LUA + "usual_hit.lua",
        "  local number = reply and count or 0\n",
        "  local number = reply and count or heads and #heads or 0\n",
        _SAME,
    ),
    Bug(
        "usual-hits-that-write-the-last-limit-only",
        "a hit by several limits counts by each of them",
        _LUA + "usual_hit.lua",
        "    number = number - 1\n",
        "    number = 0\n",
        _usual("several_limits"),
    ),
    Bug(
        "usual-hits-of-a-window-off-by-one",
        "a window is over when its time is",
        _LUA + "usual_window.lua",
        "now >= x + b",
        "now > x + b",
        _SAME,
    ),
    Bug(
        "usual-hits-of-aligned-windows-that-begin-when-they-come",
        "aligned windows begin at multiples of their length",
        _LUA + "usual_aligned.lua",
        "local start = now - now % b",
        "local start = x + b > now and x or now",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-counter-rounded-up",
        "the window before counts in whole milliseconds that are over",
        _LUA + "usual_counter.lua",
        "math.floor((now - x) / 1000)",
        "math.ceil((now - x) / 1000)",
        ("tests/limits/test_same_bytes.py", *_SAME[:1]),
    ),
    Bug(
        "usual-hits-of-a-counter-of-one-window",
        "the window before counts as well",
        _LUA + "usual_counter.lua",
        "x, y, z = x + b, 0, y",
        "x, y, z = x + b, 0, 0",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-bucket-that-never-runs-out",
        "what a bucket holds runs out with time",
        _LUA + "usual_gcra.lua",
        "x = x - c * (now - at)",
        "x = x - c * 0",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-bucket-that-runs-over",
        "a bucket holds no more than its burst",
        _LUA + "usual_gcra.lua",
        "if full > a then",
        "if full > a + b then",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-log-off-by-one",
        "a hit that is as old as the time of a log counts no more",
        _LUA + "usual_log.lua",
        "elseif moment > over then",
        "elseif moment >= over then",
        ("tests/limits/test_same_bytes.py", *_SAME[:1]),
    ),
    Bug(
        "usual-hits-of-a-log-that-is-moved-in-disorder",
        "a log that grows keeps its moments in their order",
        _LUA + "usual_log.lua",
        "            local from = y % size\n",
        "            local from = 0\n",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-log-that-wraps-wrongly",
        "hits that come together go on at the beginning of the ring",
        _LUA + "usual_log.lua",
        ".. sub(raw, 65 + 8 * rest, 64 + 8 * at_place)",
        ".. sub(raw, 65, 64 + 8 * (at_place - rest))",
        _usual("go_on_at_the_beginning"),
    ),
    Bug(
        "usual-hits-of-a-large-log-that-write-past-its-end",
        "a large log that is full grows",
        _LUA + "usual_log.lua",
        "is_large and (needed > size or at_place + cost > size)",
        "is_large and needed > a",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-large-log-read-as-the-others",
        "a large log is not written as a whole",
        _LUA + "usual_log.lua",
        "local is_large = length == 1024",
        "local is_large = length == 1025",
        _SAME,
    ),
    Bug(
        "usual-hits-of-a-log-that-lost-moments",
        "a log that has fewer moments than it says is told",
        _LUA + "usual_log.lua",
        "local is_usual = y <= x and x - y <= size and size % 1 == 0",
        "local is_usual = y <= x and size % 1 == 0",
        _SAME,
    ),
    Bug(
        "usual-hits-packed-in-disorder",
        "a hit is packed as any command is",
        "storage/redis/hits.py",
        "_TAIL % (len(told), told, len(what), what, len(cost), cost)",
        "_TAIL % (len(told), told, len(cost), what, len(what), cost)",
        _usual("packed_as"),
    ),
    Bug(
        "usual-hits-with-signs-in-what-is-ready",
        "a hit is packed as any command is, whatever its limits are called",
        "storage/redis/hits.py",
        'return raw.replace(b"%", b"%%")',
        "return raw",
        _usual("packed_as"),
    ),
    Bug(
        "usual-hits-of-keys-with-a-length-of-their-own",
        "names are as long as their bytes",
        "storage/redis/hits.py",
        "[len(head) + 2 for head in heads]",
        "[len(start) + 2 for start in starts]",
        _usual("packed_as"),
    ),
    Bug(
        "usual-hits-by-the-first-key-of-several",
        "each limit counts for its own key",
        "storage/redis/limits.py",
        "is_usual = is_usual and other == key",
        "is_usual = is_usual and bool(other)",
        _usual("keys_of_their_own"),
    ),
    Bug(
        "usual-hits-in-braces-in-braces",
        "what is filled in is no name with braces of its own",
        "storage/redis/limits.py",
        """if is_usual and name and "{" not in name and""",
        "if is_usual and name and",
        _usual("called_as"),
    ),
    Bug(
        "usual-hits-that-cost-one",
        "a hit costs what it was asked for",
        "storage/redis/limits.py",
        "            is_usual = said.is_plain and ask.cost == 1\n        else:",
        "            is_usual = said.is_plain\n        else:",
        _usual("called_as"),
    ),
    Bug(
        "usual-hits-any-answer-read",
        "what is no answer to a hit is an error of the store",
        "storage/redis/limits.py",
        "        if type(reply) is not bytes or len(reply) != PART * (1 + len(meters)):\n"
        "            self._refuse(meters, reply)\n"
        "        return decided(reply) if len(meters) == 1 else decided_all(reply)\n\n"
        "    def hit_many",
        "        if type(reply) is not bytes:\n"
        "            self._refuse(meters, reply)\n"
        "        return decided(reply) if len(meters) == 1 else decided_all(reply)\n\n"
        "    def hit_many",
        ("tests/fault/redis/test_redis_limits.py", "-k", "another_kind"),
    ),
]
