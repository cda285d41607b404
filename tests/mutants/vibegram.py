"""Bugs in what VibeGram reads and writes."""

from __future__ import annotations

from .bug import Bug

_COMPAT = "storage/compat/vibegram.py"
_CLIENTS = "storage/clients.py"
_COMMANDS = "storage/core/clients.py"


def _vibegram(words: str, file: str = "compat/test_vibegram") -> tuple[str, ...]:
    return (f"tests/{file}.py", "-k", words)


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
        _COMPAT,
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
]
