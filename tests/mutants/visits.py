"""Bugs in visits to entries."""

from __future__ import annotations

from .bug import Bug


def _visits(words: str) -> tuple[str, ...]:
    return ("tests/contract/test_visits.py", "-k", words)


BUGS = [
    Bug(
        "visit-of-anybody-on-redis",
        "who does not hold the lease changes nothing",
        "storage/redis/lua/leave.lua",
        "if lease and redis.call('GET', lease) ~= ARGV[1] then",
        "if lease and redis.call('GET', lease) == '' then",
        _visits("valkey and (does_not_hold or late)"),
    ),
    Bug(
        "visit-over-what-is-there-on-redis",
        "where something else is there nothing is changed",
        "storage/redis/lua/leave.lua",
        "if raw ~= (ARGV[4] == 'these' and ARGV[5]) then",
        "if raw and ARGV[4] == 'none' then",
        _visits("valkey and something_else"),
    ),
    Bug(
        "visit-that-takes-nothing-for-no-bytes-on-redis",
        "nothing is not the same as no bytes",
        "storage/redis/lua/leave.lua",
        "(ARGV[4] == 'these' and ARGV[5])",
        "(ARGV[5] ~= '' and ARGV[5])",
        _visits("valkey and no_bytes"),
    ),
    Bug(
        "visit-over-what-is-there-without-a-lease-on-redis",
        "where something else is there nothing is changed, whether there are leases or not",
        "storage/redis/lua/put.lua",
        "if raw ~= ARGV[1] then",
        "if not raw then",
        ("tests/contract/test_visits.py", "-k", "valkey and without_a_lease"),
    ),
    Bug(
        "visit-that-ends-in-silence-on-redis",
        "who leaves wakes the next",
        "storage/redis/lua/leave.lua",
        "  wake_first(lease, queue, kept, ARGV[3])\n",
        "",
        _visits("valkey and wakes and storage and new"),
    ),
    Bug(
        "visit-that-is-half-made-on-redis",
        "a visit ends as a whole or not at all while its slot is moved",
        "storage/redis/lua/leave.lua",
        "local released = lease and ARGV[2] == '0'\n",
        "local released = lease and ARGV[2] == '0'\n"
        "if ARGV[6] then redis.call(ARGV[6], entry, unpack(ARGV, 7)) end\n",
        ("tests/topology/test_slots.py", "-k", "as_a_whole"),
    ),
    Bug(
        "visit-that-is-ended-twice",
        "a visit is not ended twice when a reply is lost",
        "storage/redis/visits.py",
        "run_words(_LEAVE, ONCE,",
        "run_words(_LEAVE, AGAIN,",
        ("tests/fault/redis/test_lost_replies.py", "-k", "ended_once"),
    ),
    Bug(
        "visit-that-does-not-look-on-redis",
        "who enters sees the entry",
        "storage/redis/lua/enter.lua",
        "local raw = redis.call('GET', entry)",
        "local raw = false",
        _visits("valkey and sees_the_entry"),
    ),
    Bug(
        "visit-with-a-lease-on-what-nobody-can-read",
        "who can not read an entry does not get its lease",
        "storage/redis/lua/enter.lua",
        "local raw = redis.call('GET', entry)\n"
        "local held, wait, place = "
        "acquire(lease, queue, kept, ARGV[1], ARGV[2], tonumber(ARGV[3]))\n",
        "local held, wait, place = "
        "acquire(lease, queue, kept, ARGV[1], ARGV[2], tonumber(ARGV[3]))\n"
        "local raw = redis.call('GET', entry)\n",
        ("tests/leases/test_visits.py", "-k", "another_kind"),
    ),
    Bug(
        "visit-to-what-stays-for-ever-on-redis",
        "what stays for ever has no time left",
        "storage/redis/visits.py",
        "None if raw is None or left_ms < 0 else left_ms",
        "None if raw is None else left_ms",
        _visits("valkey and look_shows"),
    ),
    Bug(
        "visit-of-anybody-in-memory",
        "who does not hold the lease changes nothing",
        "storage/memory/visits.py",
        "if token and not line.is_held_by(token):",
        "if token and line.holder is None:",
        _visits("memory and does_not_hold and not StepByStep"),
    ),
    Bug(
        "visit-that-releases-what-was-not-changed",
        "where something else is there nothing is released",
        "storage/memory/visits.py",
        "if parting.done and token:",
        "if parting.held and token:",
        _visits("memory and something_else and not StepByStep"),
    ),
    Bug(
        "visit-of-anybody-in-sqlite",
        "who does not hold the lease changes nothing",
        "storage/sqlite/statements.py",
        'self.is_held: str = f"SELECT 1 FROM {leases} {_OURS}"',
        'self.is_held: str = "SELECT 1 WHERE ?1 + ?2 + ?3 IS NOT NULL"',
        _visits("sqlite and (does_not_hold or late) and not StepByStep"),
    ),
    Bug(
        "visit-over-what-is-there-in-sqlite",
        "where something else is there nothing is changed",
        "storage/sqlite/visits.py",
        "if not is_any and raw != old:",
        "if not is_any and raw is not None and old is None:",
        _visits("sqlite and something_else and not StepByStep"),
    ),
    Bug(
        "visit-of-anybody-step-by-step",
        "who does not hold the lease changes nothing",
        "storage/visits.py",
        "            if not held:\n",
        "            if held is None:\n",
        _visits("memory and does_not_hold and StepByStep"),
    ),
    Bug(
        "visit-over-what-is-there-step-by-step",
        "where something else is there nothing is changed",
        "storage/visits.py",
        "            if not made:\n",
        "            if made is None:\n",
        _visits("memory and something_else and StepByStep"),
    ),
    Bug(
        "visit-around-the-ends",
        "what keeps ends in its records is not visited around them",
        "storage/ending.py",
        "        if kind in (VisitStore, TallyStore):  # which would see no ends, and write none\n"
        "            return None\n",
        "",
        _visits("visited_around"),
    ),
]
