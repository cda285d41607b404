"""Bugs in the memory of VibeGram's Codex."""

from __future__ import annotations

from .bug import Bug

_RULES = "storage/core/codex.py"
_CODECS = "storage/codecs.py"
_COMPAT = "storage/compat/vibegram_codex.py"


def _codex(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_vibegram_codex.py", "-k", words)


def _at_once(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_codex_at_once.py", "-k", words)


def _wire(words: str) -> tuple[str, ...]:
    return ("tests/wire/test_codex.py", "-k", words)


BUGS = [
    Bug(
        "codex-drops-the-system",
        "a first message of the system stays",
        _RULES,
        "        first = _is_of_the_system(kept[0].value)\n",
        "        first = False\n",
        _codex("first_one_of_the_system"),
    ),
    Bug(
        "codex-grows",
        "there are never more than the bound says",
        _RULES,
        "max(0, len(kept) - most)",
        "(len(kept) - most if most > first else 0)",
        _codex("never_become_more"),
    ),
    Bug(
        "codex-trims-at-the-end",
        "several messages leave what they would have left one by one",
        _RULES,
        "        kept.append(item)\n        first",
        "        kept.append(item)\n    if kept:\n        first",
        _codex("first_one_of_the_system or in_vibegram"),
    ),
    Bug(
        "codex-rewrites-others",
        "what others have written stays as it is written",
        _RULES,
        "return [Item(*item) for item in items(raw.decode())]",
        "return [Item(item[0], item[1].replace(' ', '')) for item in items(raw.decode())]",
        _codex("stay_as_they_are_written"),
    ),
    Bug(
        "codex-takes-anything",
        "a message has a role",
        _RULES,
        'if type(value.get("role")) is not str:',
        'if "role" not in value:',
        _codex("refused_before"),
    ),
    Bug(
        "codex-names-another-message",
        "an error says which of several messages it means",
        _COMPAT,
        'f"$[{number}]"',
        '"$"',
        _codex("refused_before"),
    ),
    Bug(
        "codex-takes-no-array-for-empty",
        "what is no array is told, and not gone over",
        _RULES,
        '        raise UnreadableError("it is no array")\n',
        "        return []\n",
        _codex("no_array"),
    ),
    Bug(
        "codex-reads-on",
        "what follows an array is no part of it",
        _CODECS,
        "    if _blanks(text, at + 1) != len(text):\n"
        '        raise ValueError("something follows the array")\n',
        "",
        _codex("no_array"),
    ),
    Bug(
        "codex-takes-a-last-comma",
        "after a comma there is an item",
        _CODECS,
        '            if text[at] == "]":\n                raise ValueError("an item',
        '            if text[at] == "}":\n                raise ValueError("an item',
        _codex("no_array"),
    ),
    Bug(
        "codex-writes-more-than-it-reads",
        "an array grows no longer than it can be read",
        _RULES,
        "        if len(raw) > self._most:\n",
        "        if False:\n",
        _codex("no_longer_than"),
    ),
    Bug(
        "codex-keeps-an-end",
        "an append begins a lifetime anew also where a set of the store would keep its end",
        _COMPAT,
        "default=list, ttl=ttl)",
        "default=list, ttl=DEFAULT)",
        _codex("enhanced"),
    ),
    Bug(
        "codex-reads-whatever-the-size",
        "an array that is too long to be read is told",
        _RULES,
        "        if len(raw) <= self._most:\n",
        "        if raw:\n",
        _codex("too_long_to_be_read"),
    ),
    Bug(
        "codex-keeps-a-lifetime",
        "each append begins the lifetime anew",
        _COMPAT,
        "default=list, ttl=ttl)",
        "default=list)",
        _codex("begins"),
    ),
    Bug(
        "codex-writes-elsewhere",
        "the prefix is that of the original",
        _COMPAT,
        'DEFAULT_PREFIX: Final = "vibegram:codex:"',
        'DEFAULT_PREFIX: Final = "vibegram:memory:"',
        _wire("what_we_write"),
    ),
    Bug(
        "codex-doubles-tildes",
        "a key is written as it is",
        _COMPAT,
        "names = Names(prefix, verbatim=True, beside=True)",
        "names = Names(prefix)",
        _wire("what_we_write"),
    ),
    Bug(
        "codex-raises-another-error",
        "what can not be read raises the error that says which store it was",
        _COMPAT,
        '        self._layers.corrupts = partial(RedisStoreParseError, "codex-memory")\n',
        "",
        _codex("no_array"),
    ),
    Bug(
        "codex-forgets-others",
        "nothing is lost of what is said at once",
        _COMPAT,
        "self._store.update(key, lambda kept: longer(kept, new, most), default=list, ttl=ttl)",
        "kept = self._store.get(key, [])\n        self._store.set(key, longer(kept, new, most))",
        _at_once("two_steps_is_not_lost"),
    ),
    Bug(
        "codex-bounds-nothing",
        "a bound that is no bound is refused",
        _RULES,
        "type(max_history) is not int or max_history < 1",
        "not isinstance(max_history, int) or max_history < 1",
        _codex("positive_integer"),
    ),
]
