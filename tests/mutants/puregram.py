"""Bugs in what puregram reads and writes."""

from __future__ import annotations

from .bug import Bug


def _puregram(file: str, words: str) -> tuple[str, ...]:
    return (f"tests/{file}.py", "-k", words)


BUGS = [
    Bug(
        "puregram-lists-leases",
        "a lease stands outside of the prefix of a layout that is somebody else's",
        "storage/keys.py",
        'start = "" if self.verbatim else self.prefix',
        "start = self.prefix",
        _puregram("wire/test_puregram_redis", "no_entries"),
    ),
    Bug(
        "puregram-lists-leases-without-a-prefix",
        "what is reserved is no entry where the prefix is empty",
        "storage/keys.py",
        "return None if self.beside and name.startswith(_SEGMENTS) else rest",
        "return rest",
        _puregram("wire/test_puregram_redis", "no_entries"),
    ),
    Bug(
        "puregram-leases-by-view",
        "one entry has one lease and one claim by whatever name",
        "storage/keys.py",
        "(self.prefix + key if self.verbatim else key)",
        "key",
        _puregram("compat/test_puregram", "whatever_name"),
    ),
    Bug(
        "puregram-writes-elsewhere",
        "the prefix is that of the original",
        "storage/compat/puregram.py",
        'DEFAULT_PREFIX: Final = "puregram:"',
        'DEFAULT_PREFIX: Final = "puregram"',
        _puregram("wire/test_puregram_redis", "commands"),
    ),
    Bug(
        "puregram-counts-the-expired",
        "what is over is not counted",
        "storage/memory/kv.py",
        "for name in self._due.over(now):",
        "for name in ():",
        _puregram("compat/test_puregram", "counted"),
    ),
    Bug(
        "puregram-touches-memory",
        "stores in memory are no TtlStorage for a plugin",
        "storage/compat/puregram.py",
        'return store.capabilities.atomic == "shared" or _touches(store)',
        "return True",
        _puregram("compat/test_puregram", "in_memory or is_a_ttl"),
    ),
    Bug(
        "enhanced-forgets-a-touch",
        "an object that was adapted is told of a touch through its records",
        "storage/ending.py",
        "                return self._backend.touch(name, expiry)",
        "                return True",
        _puregram("compat/test_puregram", "touch_goes"),
    ),
    Bug(
        "sweep-says-less",
        "a sweep says how many entries it freed",
        "storage/sqlite/kv.py",
        "            swept += some\n",
        "            swept = some\n",
        _puregram("compat/test_puregram", "sweep_frees"),
    ),
]
