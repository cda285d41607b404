"""Bugs in GramIO's storages, and in several of them that stand in for each other."""

from __future__ import annotations

from .bug import Bug

BOXES = "storage/core/boxes.py"
OPTIONS = "storage/core/gramio_options.py"
SEVERAL = "storage/core/several.py"
UNDEFINED = "storage/compat/undefined.py"
STORAGES = "storage/compat/gramio_storages.py"
FALLBACK = "storage/compat/gramio_fallback.py"


def _storages(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_gramio_storages.py", "-k", words)


def _fallback(words: str) -> tuple[str, ...]:
    return ("tests/compat/test_gramio_fallback.py", "-k", words)


BUGS = [
    Bug(
        "gramio-reads-no-box",
        "what is no box is corrupt",
        BOXES,
        "return box[_BOX] if isinstance(box, Mapping) and _BOX in box else _NO_BOX",
        "return box[_BOX] if isinstance(box, Mapping) and _BOX in box else MISSING",
        _storages("no_box"),
    ),
    Bug(
        "gramio-writes-no-box",
        "the caller's mapping holds boxes",
        BOXES,
        "methods.set(key, {_BOX: value})",
        "methods.set(key, {_BOX: value, key: value})",
        _storages("callers_mapping"),
    ),
    Bug(
        "gramio-escapes-in-a-mapping",
        "the caller's mapping holds the keys as they are",
        STORAGES,
        "boxes(mapping)), names=Names(verbatim=True))",
        "boxes(mapping)))",
        _storages("callers_mapping"),
    ),
    Bug(
        "gramio-reads-undefined",
        "an empty string is no value",
        UNDEFINED,
        "        return raw or None\n",
        "        return raw\n",
        _storages("undefined"),
    ),
    Bug(
        "gramio-has-undefined",
        "an empty string is not there",
        UNDEFINED,
        "return bool(raw)",
        "return raw is not None",
        _storages("undefined"),
    ),
    Bug(
        "gramio-reads-many-undefined",
        "nor is it for who asks for many",
        UNDEFINED,
        "return [raw or None for raw in found]",
        "return found",
        _storages("undefined"),
    ),
    Bug(
        "gramio-lists-undefined",
        "nor for who lists values",
        UNDEFINED,
        "return _defined(page) if values else page",
        "return page",
        _storages("undefined"),
    ),
    Bug(
        "gramio-adds-to-undefined",
        "an empty string gives way to what is added",
        UNDEFINED,
        'return added or self._backend.swap(name, b"", raw, expiry)',
        "return added",
        _storages("undefined"),
    ),
    Bug(
        "gramio-counts-on-anything",
        "a counter begins over an empty string, and over nothing else",
        UNDEFINED,
        "return total if done else self._backend.incr(name, by, initial, expiry)",
        "return total",
        _storages("counted_on"),
    ),
    Bug(
        "gramio-refuses-a-ttl-of-0",
        "to GramIO a lifetime of 0 is none",
        OPTIONS,
        "None if told == 0 and not isinstance(told, bool) else told",
        "told",
        _storages("whole_seconds"),
    ),
    Bug(
        "gramio-takes-two-lifetimes",
        "a lifetime is said once",
        OPTIONS,
        "    if ttl is not None:\n",
        "    if ttl is not None and ttl != told:\n",
        _storages("said_once"),
    ),
    Bug(
        "gramio-overlooks-options",
        "an option that nobody knows is named",
        "storage/redis/options.py",
        "        if unknown:\n",
        "        if len(unknown) > 9:\n",
        _storages("nobody_knows"),
    ),
    Bug(
        "gramio-closes-a-namespace",
        "a CloudflareStorage is left open",
        STORAGES,
        "view._owner = made is not namespace",
        "view._owner = True",
        _storages("on_kv"),
    ),
    Bug(
        "gramio-escapes-on-kv",
        "keys lie on KV as they are",
        STORAGES,
        "Names(layers.names.prefix, verbatim=True, store=layers.label)",
        "Names(layers.names.prefix, store=layers.label)",
        _storages("on_kv"),
    ),
    Bug(
        "several-pass-over-anything",
        "a value that can not be read is not replaced by another, and a closed store is no outage",
        SEVERAL,
        "return not isinstance(error, _MISTAKES)",
        "return True",
        _fallback("can_not_be_read or closed"),
    ),
    Bug(
        "several-believe-what-is-older",
        "what missed a change is not believed",
        SEVERAL,
        "return name in self._names[index]",
        "return False",
        _fallback("missed"),
    ),
    Bug(
        "several-forget-who-missed-it",
        "it is noted who missed a change",
        FALLBACK,
        "return self._noted(failed, names), False",
        "return list(failed.values()), False",
        _fallback("missed"),
    ),
    Bug(
        "several-remember-for-ever",
        "who has the newest value is believed again",
        SEVERAL,
        "self._names[index].difference_update(names)",
        "self._names[index].difference(names)",
        _fallback("forgets_the_entry"),
    ),
    Bug(
        "several-remember-without-a-bound",
        "a change fails where it could not be remembered who missed it",
        SEVERAL,
        "if len(there) + len(new) > self._most:",
        "if len(there) > 2 * self._most + len(new):",
        _fallback("remembered"),
    ),
    Bug(
        "several-ask-who-missed-it",
        "what it has does not count, so neither does that it fails",
        FALLBACK,
        "answer = self._tried(ask, name) if trusted else absent",
        "answer = self._tried(ask, name)",
        _fallback("missed"),
    ),
    Bug(
        "several-take-away-what-is-new",
        "what missed a change is looked at again by whom it is taken away",
        FALLBACK,
        "                if self._missed.has(index, name):\n",
        "                if True:\n",
        _fallback("taken_away_once"),
    ),
    Bug(
        "several-say-absent",
        "absent is what all have answered",
        FALLBACK,
        "        self._tell(failed, raises=True)\n        return absent",
        "        self._tell(failed)\n        return absent",
        _fallback("absent"),
    ),
    Bug(
        "several-say-deleted",
        "a deletion is told truly",
        FALLBACK,
        "self._tell(failed, raises=not there)",
        "self._tell(failed)",
        _fallback("absent"),
    ),
    Bug(
        "several-delete-what-is-older",
        "an older value is nothing to delete",
        FALLBACK,
        "there.update(name for name in answer if not self._missed.has(index, name))",
        "there.update(answer)",
        _fallback("nothing_to_delete"),
    ),
    Bug(
        "several-delete-later",
        "a deletion that is told as an error is not done later",
        FALLBACK,
        "self._noted(unsure, [name for name in names if name in there])",
        "self._noted(unsure, names)",
        _fallback("not_done_later"),
    ),
    Bug(
        "several-lose-a-value",
        "a value that nobody takes is an error",
        FALLBACK,
        "return list(failed.values()), True",
        "return list(failed.values()), False",
        _fallback("nobody_takes"),
    ),
    Bug(
        "several-repeat-keys",
        "a list is without repeats",
        FALLBACK,
        "            seen.update(there)\n",
        "",
        _fallback("without_repeats"),
    ),
    Bug(
        "several-list-what-is-older",
        "a list does not show what missed a change",
        FALLBACK,
        "seen = {name for name in page.names if self._missed.has(index, name)}",
        "seen: set[str] = set()",
        _fallback("show_it_in_a_list"),
    ),
    Bug(
        "several-close-what-they-got",
        "closing leaves the storages open",
        FALLBACK,
        "Copy(store, store is not one and store._owner)",
        "Copy(store, True)",
        _fallback("leaves_the_storages"),
    ),
    Bug(
        "several-mix-lifetimes",
        "storages with other lifetimes are refused",
        SEVERAL,
        "elif len({one.lifetimes.default for one in layers}) > 1:",
        "elif len({one.lifetimes.default for one in layers}) > 2:",
        _fallback("one_lifetime"),
    ),
]
