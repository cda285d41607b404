"""Bugs in what VibeGram reads and writes."""

from __future__ import annotations

from .bug import Bug

_COMPAT = "storage/compat/vibegram.py"
_CLIENTS = "storage/clients.py"
_COMMANDS = "storage/core/clients.py"
_STANDING = "storage/core/standing.py"
_LAYOUTS = "storage/core/layouts.py"


def _vibegram(words: str, file: str = "compat/test_vibegram") -> tuple[str, ...]:
    return (f"tests/{file}.py", "-k", words)


def _sessions(words: str, file: str = "compat/test_vibegram_sessions") -> tuple[str, ...]:
    return _vibegram(words, file)


BUGS = [
    Bug(
        "vibegram-writes-elsewhere",
        "the prefix is that of the original",
        _COMPAT,
        'DEFAULT_PREFIX: Final = "vibegram:session:"',
        'DEFAULT_PREFIX: Final = "vibegram:sessions:"',
        _vibegram("what_we_write", "wire/test_vibegram_redis"),
    ),
    Bug(
        "vibegram-doubles-tildes",
        "a key is written as it is",
        _COMPAT,
        "names = Names(prefix, verbatim=True, beside=True)",
        "names = Names(prefix)",
        _vibegram("what_we_write", "wire/test_vibegram_redis"),
    ),
    Bug(
        "vibegram-sessions-end-early",
        "a session lives for a day unless it is told",
        _COMPAT,
        "DEFAULT_TTL: Final = 86_400\n",
        "DEFAULT_TTL: Final = 86_400 / 1000\n",
        _vibegram("for_a_day"),
    ),
    Bug(
        "vibegram-raises-another-error",
        "what can not be read raises the error that says which store it was",
        _COMPAT,
        '        self._layers.corrupts = partial(RedisStoreParseError, "session")\n',
        "",
        _vibegram("can_not_be_read"),
    ),
    Bug(
        "vibegram-keeps-one-for-none",
        "a bound that is no bound is refused",
        _COMPAT,
        "type(max_entries) is not int or max_entries < 1",
        "type(max_entries) is not int or max_entries < 0",
        _vibegram("positive_integer"),
    ),
    Bug(
        "vibegram-ignores-options",
        "what another client can not be told is refused",
        "storage/compat/servers.py",
        "if timeout is not None or accept_retries:",
        "if False:",
        _vibegram("options_of_redis_py"),
    ),
    Bug(
        "memory-frees-less",
        "what frees sessions that are over says how many",
        "storage/memory/kv.py",
        "                swept += 1\n",
        "                swept = 1\n",
        _vibegram("freed_and_counted"),
    ),
    Bug(
        "memory-sweeps-after-close",
        "a store that was closed frees nothing and says so",
        "storage/memory/kv.py",
        '            self._peek("")  # which refuses where this is closed\n',
        "",
        ("tests/compat/test_vibegram.py", "-k", "closed_backend"),
    ),
    Bug(
        "client-without-lifetimes",
        "a client without a command for lifetimes is refused before anything is written",
        _COMMANDS,
        "if expires and found.grain_ms is None:",
        "if False:",
        _vibegram("client_lacks"),
    ),
    Bug(
        "client-in-two-steps",
        "a value and its lifetime are written at once where the client can do it",
        _CLIENTS,
        "        elif self._client.psetex is not None:\n",
        "        elif self._client.psetex is not None and self._client.pexpire is None:\n",
        _vibegram("one_step"),
    ),
    Bug(
        "client-rounds-down",
        "whole seconds are rounded up",
        _COMMANDS,
        "return -(-ms // 1000)",
        "return max(1, ms // 1000)",
        _vibegram("only_seconds"),
    ),
    Bug(
        "client-stops-half-way",
        "who is cancelled between the two steps takes both",
        _CLIENTS,
        "self._runtime.finish(self._room.set_and_expire, name, value, span)",
        "self._room.set_and_expire(name, value, span)",
        _vibegram("cancelled_between"),
    ),
    Bug(
        "client-hides-a-missing-lifetime",
        "a lifetime that could not be given is told",
        _CLIENTS,
        "            raise OutcomeUnknownError(message, store=self._store, key=name) from error\n",
        "            del message, error\n",
        _vibegram("could_not_be_given"),
    ),
    Bug(
        "client-renews-a-change",
        "a change keeps the lifetime where the client can tell it",
        _CLIENTS,
        "            self._write(name, value, max(1, left))\n",
        "            self._write(name, value, self._span(expiry.otherwise))\n",
        _vibegram("changes_keep"),
    ),
    Bug(
        "client-loses-changes",
        "no change is lost between the users of one store",
        _CLIENTS,
        "            found = self.read(name)\n            if found != old:\n",
        "            found = self.read(name)\n            if found is None:\n",
        ("tests/contract/test_contract.py", "-k", "one-step-client and swap"),
    ),
    Bug(
        "client-counts-beside-others",
        "no count is lost between the users of one store",
        _CLIENTS,
        "        with self._keys.hold(name):\n            found = self.read(name)\n"
        "            total",
        "        if name:\n            found = self.read(name)\n            total",
        ("tests/contract/test_contract.py", "-k", "redis6-client and no_increment"),
    ),
    Bug(
        "client-keeps-a-coroutine",
        "an answer that nobody awaited is no answer",
        _CLIENTS,
        '        if hasattr(type(reply), "__await__"):\n',
        "        if False:\n",
        _vibegram("wants_to_be_awaited"),
    ),
    Bug(
        "client-reads-nothing-as-missing",
        "an empty string is corrupt, and not missing",
        _COMMANDS,
        "    if reply is None:\n        return None\n    if isinstance(reply, str):\n",
        "    if not reply:\n        return None\n    if isinstance(reply, str):\n",
        _vibegram("can_not_be_read"),
    ),
    Bug(
        "vibegram-takes-zero-for-a-user",
        "an update has a session where it has both a chat and a user",
        _COMPAT,
        "    return key if key is not None and key.chat and key.user else None\n",
        "    return key\n",
        _sessions("where_both_are_there"),
    ),
    Bug(
        "vibegram-shares-the-empty-key",
        "an update without a key has a session of its own",
        "storage/sessions.py",
        'key is None or key == ""',
        "key is None",
        _sessions("without_a_key"),
    ),
    Bug(
        "vibegram-sessions-elsewhere",
        "a session stands under its key, and nothing before it",
        "storage/compat/originals.py",
        '"on_conflict": "ours", "namespace": None, **options',
        '"on_conflict": "ours", **options',
        _sessions("both_go_on", "wire/test_vibegram_sessions"),
    ),
    Bug(
        "vibegram-drops-who-made-room",
        "what a handler changed is stored, whoever made room meanwhile",
        "storage/compat/originals.py",
        '"on_conflict": "ours", "namespace": None, **options',
        '"namespace": None, **options',
        _sessions("made_room"),
    ),
    Bug(
        "vibegram-wants-leases",
        "three methods are enough for a store",
        "storage/compat/originals.py",
        '    _lock_otherwise = "process"\n',
        "",
        _sessions("three_methods"),
    ),
    Bug(
        "vibegram-joins-two-keys",
        "two keys are never one",
        _LAYOUTS,
        """        if ":" in f"{key.chat}{key.user}":\n""",
        "        if False:\n",
        _sessions("key_has_a_place"),
    ),
    Bug(
        "vibegram-writes-an-end",
        "an end that the records have no place for is refused",
        _LAYOUTS,
        "if max_age is not None and not self.lifetimes:",
        "if False:",
        _sessions("records_have_no_place"),
    ),
    Bug(
        "vibegram-reads-nothing-as-a-session",
        "what is falsy is no session",
        "storage/core/drafts.py",
        "return bool(self.layout.nothing) and data.strip() in self.layout.nothing",
        "return False",
        _sessions("falsy"),
    ),
    Bug(
        "session-clashes-with-nothing",
        "what became nothing meanwhile was taken away",
        _STANDING,
        "if found is not None and self._drafts.is_none(found.data):",
        "if False:",
        _sessions("emptied_meanwhile"),
    ),
    Bug(
        "session-forgets-a-touch",
        "a session that is only read lasts by the touch of its store",
        _STANDING,
        "if self.found is not None and self._renews:",
        "if False:",
        _sessions("touch_of_its_own"),
    ),
    Bug(
        "session-ends-where-nobody-knows",
        "where nobody knows what is left of a lifetime, it begins anew",
        "storage/visits.py",
        "        except UnsupportedError:\n            return None\n",
        "        except UnsupportedError:\n            return MISSING\n",
        _sessions("any_client"),
    ),
]
