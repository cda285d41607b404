"""Bugs in the rate limits of VibeGram, puregram and GramIO."""

from __future__ import annotations

from .bug import Bug

RULES = "storage/core/originals.py"
TALLIES = "storage/compat/tallies.py"
THEIRS = "storage/compat/theirs.py"
VIBEGRAM = "storage/compat/vibegram_limits.py"
PUREGRAM = "storage/compat/puregram_limits.py"
GRAMIO = "storage/compat/gramio_limits.py"
SCRIPT = "storage/redis/lua/tally.lua"


def _of(name: str, words: str) -> tuple[str, ...]:
    return (f"tests/compat/test_{name}_limits.py", "-k", words)


def _at_once(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_limits_at_once.py", "-k", words)


def _wire(words: str) -> tuple[str, ...]:
    return ("tests/wire/test_limits.py", "-k", words)


BUGS = [
    Bug(
        "tally-lets-the-first-pass",
        "a limit of 0 lets nothing pass",
        RULES,
        "        passed = count < limit\n",
        "        passed = count < limit or not count\n",
        _of("puregram", "limit_of_nothing"),
    ),
    Bug(
        "tally-lets-one-more-pass",
        "so many pass and no more",
        RULES,
        "        passed = count < limit\n",
        "        passed = count <= limit\n",
        _of("puregram", "so_many_pass"),
    ),
    Bug(
        "tally-ends-late",
        "at its very end a window is over",
        RULES,
        "data is None or now >= ends",
        "data is None or now > ends",
        _of("vibegram", "may_say_which_moment"),
    ),
    Bug(
        "tally-moves-its-end",
        "the end of a window stays where it is",
        RULES,
        "return self.stroke(passed, count + 1, ends, now, parts)",
        "return self.stroke(passed, count + 1, now + window, now, parts)",
        _of("vibegram", "window_begins"),
    ),
    Bug(
        "tally-drops-members",
        "what others keep in a record stays",
        RULES,
        "return count, ends, {name: written for name, (_, written) in found.items()}",
        "return count, ends, {}",
        _wire("others_keep"),
    ),
    Bug(
        "tally-takes-any-number",
        "a record has two finite numbers",
        RULES,
        "return type(value) in (int, float) and math.isfinite(value)",
        "return isinstance(value, (int, float))",
        _of("vibegram", "no_record_is_told"),
    ),
    Bug(
        "tally-writes-points",
        "numbers are written as JavaScript writes them",
        RULES,
        "return int(value) if value == int(value) else value",
        "return value",
        _of("vibegram", "as_javascript"),
    ),
    Bug(
        "vibegram-forgets-the-refused",
        "VibeGram counts what is refused too",
        RULES,
        '"resetTime", counts_refused=True',
        '"resetTime", counts_refused=False',
        _wire("write_what_they_write"),
    ),
    Bug(
        "puregram-counts-the-refused",
        "what puregram refuses leaves no trace",
        RULES,
        '"resetAt", counts_refused=False',
        '"resetAt", counts_refused=True',
        _of("puregram", "no_trace"),
    ),
    Bug(
        "times-count-for-longer",
        "a hit counts for as long as the window is",
        RULES,
        "if now - moment < window]",
        "if now - moment <= window]",
        _of("gramio", "as_long_as_the_window"),
    ),
    Bug(
        "times-wait-for-one",
        "who has to wait for several hits to be over is told so",
        RULES,
        "sorted(kept)[len(kept) - limit]",
        "sorted(kept)[0]",
        _of("gramio", "wait_for_several"),
    ),
    Bug(
        "times-are-written-over",
        "what is no list is told and stays",
        RULES,
        '        raise UnreadableError("it is no list")\n',
        "        return []\n",
        _of("gramio", "no_list_of_moments"),
    ),
    Bug(
        "waits-are-too-short",
        "who waits as told may pass",
        RULES,
        "return max(1, -(-wait_ms // 1000))",
        "return max(1, wait_ms // 1000)",
        _of("vibegram", "in_how_many_seconds"),
    ),
    Bug(
        "tally-loses-hits",
        "no hit is lost to another process",
        TALLIES,
        "return self._backend.swap(name, sight.raw, new, expiry)",
        "self._backend.write(name, new, expiry)\n        return True",
        _at_once("between_two_steps"),
    ),
    Bug(
        "tally-loses-the-first",
        "neither is the first one",
        TALLIES,
        "return self._backend.add(name, new, expiry)",
        "self._backend.write(name, new, expiry)\n            return True",
        _at_once("between_two_steps"),
    ),
    Bug(
        "tally-stays-for-ever",
        "a record ends with its window",
        TALLIES,
        "expiry = ttl if self._expires else None",
        "expiry = None",
        _of("gramio", "ends_with_its_last_window"),
    ),
    Bug(
        "times-are-cut-short",
        "who counts the same for longer is not cut short",
        TALLIES,
        "ttl = max(ttl, sight.left_ms or 0)",
        "pass",
        _of("gramio", "ends_with_its_last_window"),
    ),
    Bug(
        "tally-trusts-the-worker",
        "the clock of the server counts",
        TALLIES,
        "moment = sight.now_ms if now is None else now",
        "moment = int(wall_clock() * 1000) if now is None else now",
        _of("gramio", "clock_of_the_server"),
    ),
    Bug(
        "tally-around-the-layers",
        "a layer of values is not written around",
        TALLIES,
        "if layers.opener is None:  # or",
        "if True:  # or",
        _of("puregram", "written_around"),
    ),
    Bug(
        "script-ends-late",
        "on a server too a window is over at its very end",
        SCRIPT,
        "now >= ends then",
        "now > ends then",
        _of("vibegram", "window_begins and valkey"),
    ),
    Bug(
        "script-leaves-it-for-ever",
        "a record on a server ends with its window",
        SCRIPT,
        ", text, 'PX', string.format('%.0f', ends - now))",
        ", text)",
        _of("vibegram", "ends_with_its_window"),
    ),
    Bug(
        "script-reads-what-is-no-json",
        "what is no record is told and stays",
        SCRIPT,
        " or some:match('^0.') or moment:match('^0.')",
        "",
        _of("vibegram", "so_it_is_on_a_server"),
    ),
    Bug(
        "script-does-not-hear",
        "who counts may say which moment it is",
        SCRIPT,
        "ARGV[6] == '' and now_ms() or tonumber(ARGV[6])",
        "now_ms()",
        _of("vibegram", "may_say_which_moment and valkey"),
    ),
    Bug(
        "vibegram-counts-elsewhere",
        "the prefix of the records is that of the original",
        VIBEGRAM,
        '"vibegram:rate-limit:"',
        '"vibegram:limit:"',
        _wire("that_of_the_original"),
    ),
    Bug(
        "vibegram-takes-0-for-none",
        "an id of 0 is one",
        VIBEGRAM,
        "return None if number is None else",
        "return None if not number else",
        _of("vibegram", "what_is_known"),
    ),
    Bug(
        "vibegram-keeps-what-is-over",
        "a record with no time left goes away",
        VIBEGRAM,
        "if left <= 0 and",
        "if left < 0 and",
        _of("vibegram", "is_over_goes_away"),
    ),
    Bug(
        "vibegram-groups-are-people",
        "twenty in a minute pass in a group",
        VIBEGRAM,
        'kind in ("group", "supergroup")',
        'kind == "group"',
        _of("vibegram", "twenty"),
    ),
    Bug(
        "vibegram-is-never-strict",
        "strict limits let nobody pass whom they do not know",
        VIBEGRAM,
        "return math.inf if self._strict else None",
        "return None",
        _of("vibegram", "strict"),
    ),
    Bug(
        "vibegram-closes-what-is-lent",
        "records in a store of ours leave it open",
        VIBEGRAM,
        "        self._store = base._view(layers)\n",
        "        self._store = base._view(layers)\n        self._store._owner = True\n",
        _of("vibegram", "leave_it_open"),
    ),
    Bug(
        "theirs-at-once",
        "in one process hits are counted one after the other",
        THEIRS,
        "        with self._keys.hold(key):\n",
        "        if True:\n",
        _at_once("any_client_and_store"),
    ),
    Bug(
        "theirs-without-a-word",
        "who takes a store that can lose hits is warned",
        THEIRS,
        "        if self._increment is None:\n            warnings.warn",
        "        if False:\n            warnings.warn",
        _of("vibegram", "taken_with_a_warning"),
    ),
    Bug(
        "puregram-has-one-bucket",
        "buckets do not know each other",
        PUREGRAM,
        "{bucket or 'default'}",
        "{'default'}",
        _of("puregram", "buckets"),
    ),
    Bug(
        "puregram-does-not-see-senders",
        "a message counts for the chat in whose name it was sent",
        PUREGRAM,
        "sender_chat_of(update) or chat_of(update)",
        "chat_of(update)",
        _of("puregram", "sender_or_its_chat"),
    ),
    Bug(
        "puregram-checks-late",
        "a bad limit is refused, whoever it is for",
        PUREGRAM,
        "        most, span = check_limit(limit), window_ms(window)\n"
        "        key = self.resolve_key(update, bucket)\n"
        "        if key is None:\n            return None\n",
        "        key = self.resolve_key(update, bucket)\n"
        "        if key is None:\n            return None\n"
        "        most, span = check_limit(limit), window_ms(window)\n",
        _of("puregram", "refused_before"),
    ),
    Bug(
        "gramio-limits-groups",
        "only a channel counts for all who post in it",
        GRAMIO,
        'return found if getattr(chat, "type", None) == "channel" else None',
        "return found",
        _of("gramio", "by_its_channel"),
    ),
    Bug(
        "vibegram-takes-any-lifetime",
        "what is no lifetime of a record is refused by its name",
        VIBEGRAM,
        "        check_ttl(ttl)\n",
        "",
        _of("vibegram", "bad_record_or_lifetime"),
    ),
]
