"""Bugs in what a store promises that only reads and writes."""

from __future__ import annotations

from .bug import Bug


def _contract(words: str) -> tuple[str, ...]:
    return ("tests/contract/test_contract.py", "-k", words)


_STORE = "storage/store.py"
_LIFETIMES = "storage/core/lifetimes.py"
_LATE = ("tests/cloudflare/test_late_reads.py",)
_REFUSED = ("tests/cloudflare/test_refusals.py",)
_WHOLE = ("tests/cloudflare/test_whole_stores.py",)
_NO_STEPS = _contract("reads-and-writes and (step or update or lost)")

BUGS = [
    Bug(
        "update-runs-before-it-refuses",
        "no function of the caller's runs before a change is refused",
        _STORE,
        '        check_atomic(self._backend, "update")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "get-or-set-makes-before-it-refuses",
        "nothing is made before it is known that it can not be stored for one",
        _STORE,
        '        check_atomic(self._backend, "get_or_set")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "add-looks-and-writes",
        "a store that only reads and writes refuses add",
        _STORE,
        '        check_atomic(self._backend, "add")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "incr-looks-and-writes",
        "a store that only reads and writes refuses incr",
        _STORE,
        '        check_atomic(self._backend, "incr")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "swap-looks-and-writes",
        "a store that only reads and writes refuses swap",
        _STORE,
        '        check_atomic(self._backend, "swap")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "edit-opens-before-it-refuses",
        "no block runs before an edit is refused",
        "storage/editing.py",
        '        check_atomic(store._backend, "edit")\n',
        "",
        _NO_STEPS,
    ),
    Bug(
        "keep-writes-without-looking",
        "what only reads and writes keeps no end that could change meanwhile",
        _LIFETIMES,
        '            self._check_step("ttl=KEEP")\n',
        "",
        _contract("reads-and-writes and (step or expired)"),
    ),
    Bug(
        "touch-moves-without-looking",
        "what only reads and writes moves no end",
        _LIFETIMES,
        '        self._check_step("touch")\n',
        "",
        _contract("reads-and-writes and (step or default)"),
    ),
    Bug(
        "touch-without-a-lifetime-is-refused",
        "a touch that moves nothing says whether the key is there",
        _LIFETIMES,
        "if ttl is KEEP or (ttl is DEFAULT and self.default is None):",
        "if ttl is DEFAULT and self.default is None and self._can.atomic:",
        _contract("reads-and-writes and touch"),
    ),
    Bug(
        "a-fallback-has-steps",
        "a fallback can do no more than either of its stores",
        "storage/core/fallback.py",
        'atomic=None if first.atomic is None or second.atomic is None else "process"',
        'atomic="process"',
        _contract("well and reads-and-writes and (step or table)"),
    ),
    Bug(
        "ends-in-records-need-a-swap-to-go",
        "a record that says its end itself can be deleted where nothing looks and writes at once",
        "storage/ending.py",
        "            removed = self._removed_unseen([name])\n            return removed == 1\n",
        "            pass\n",
        _contract("only-reads-and-writes and delete"),
    ),
    Bug(
        "a-record-is-removed-if-it-is-seen",
        "a record is taken away whatever a read said of it",
        "storage/ending.py",
        "        self._backend.remove_many(names)\n        return len(found)",
        "        self._backend.remove_many(names[: len(found)])\n        return len(found)",
        ("tests/layers/test_stepless.py",),
    ),
    Bug(
        "an-older-record-is-written-back",
        "what only reads and writes is not written to by who reads",
        "storage/lookup.py",
        '        known it is left as it is."""\n'
        "        if self._backend.capabilities.atomic is None:\n            return\n",
        '        known it is left as it is."""\n',
        _WHOLE,
    ),
    Bug(
        "ends-are-kept-in-records-without-steps",
        "ends to the millisecond in the records need a store that looks and writes at once",
        "storage/layered.py",
        '        check_atomic(store._backend, "millisecond_precision")\n',
        "        pass\n",
        _REFUSED,
    ),
    Bug(
        "codex-slips-through",
        "a conversation is refused when it is made",
        "storage/compat/vibegram_codex.py",
        '        check_atomic(base._backend, "conversations")\n',
        "",
        _REFUSED,
    ),
    Bug(
        "sessions-slip-through",
        "sessions are refused when they are made",
        "storage/sessions.py",
        '        check_atomic(base._backend, "sessions")\n',
        "",
        _REFUSED,
    ),
    Bug(
        "limits-slip-through",
        "rate limits are refused when they are made",
        "storage/metering.py",
        '        check_atomic(backend, "rate limits")\n',
        "        pass\n",
        _REFUSED,
    ),
    Bug(
        "tallies-slip-through",
        "the limits of other libraries are refused when they are made",
        "storage/compat/tallies.py",
        '        check_atomic(store._backend, "rate limits")\n',
        "",
        _REFUSED,
    ),
    Bug(
        "conversations-slip-through",
        "a conversation is refused when it is made",
        "storage/recalling.py",
        '        check_atomic(store._backend, "conversations")\n',
        "        pass\n",
        _REFUSED,
    ),
    Bug(
        "a-copy-overwrites-what-shall-stay",
        "what shall stay as it is does, or the copy is refused before it begins",
        "storage/core/moving.py",
        'if existing == "keep" and can.atomic is None:',
        'if existing == "kept" and can.atomic is None:',
        _WHOLE,
    ),
    Bug(
        "a-migration-in-place-begins",
        "a migration that could lose a change is refused before it begins",
        "storage/core/moving.py",
        "if can.atomic is None and not dry_run:",
        "if can.atomic is None and dry_run is None:",
        _WHOLE,
    ),
    Bug(
        "a-late-read-keeps-what-is-deleted",
        "a delete takes away what it did not see",
        "storage/cloudflare/kv.py",
        "        self._service.remove(names, until)\n        return sum",
        "        seen = [name for name, one in zip(names, ends) if one is not MISSING]\n"
        "        self._service.remove(seen, until)\n        return sum",
        _LATE,
    ),
    Bug(
        "what-is-over-is-listed",
        "what is over is in no list",
        "storage/cloudflare/kv.py",
        "        return [one for one in entries if not _over(end_of(one), now_ms)]",
        "        return [one for one in entries if now_ms]",
        _LATE,
    ),
    Bug(
        "kv-ends-it-early",
        "an entry is there to its last millisecond, whenever in a second it was put",
        "storage/cloudflare/entries.py",
        "-(-(ends - now_ms) // 1000) + 1)",
        "-(-(ends - now_ms) // 1000))",
        _LATE,
    ),
    Bug(
        "kv-is-asked-to-keep-it-for-less-than-it-does",
        "an end that is near is told from what stands beside the entry",
        "storage/cloudflare/entries.py",
        "left = max(SHORTEST_SECONDS, ",
        "left = max(1, ",
        _LATE,
    ),
    Bug(
        "a-key-too-long-is-sent",
        "a key that KV does not take is refused before anything is touched",
        "storage/cloudflare/entries.py",
        "        if not fits(name):\n            message",
        "        if not name:\n            message",
        _contract("cloudflare and as_long_as"),
    ),
    Bug(
        "characters-are-counted-as-bytes",
        "the length of a key is that of its bytes",
        "storage/cloudflare/entries.py",
        "return len(name) <= LONGEST_NAME and len(name.encode()) <= LONGEST_NAME",
        "return len(name) <= LONGEST_NAME",
        _contract("cloudflare and as_long_as"),
    ),
    Bug(
        "late-reads-hide-that-places-are-one",
        "a place is told from another without a trace there, where it can be",
        "storage/moving.py",
        "for kind in (Countable, Located):",
        "for kind in (Countable,):",
        (*_WHOLE, "-k", "into_itself"),
    ),
]
