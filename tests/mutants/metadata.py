"""Bugs in what stands beside the values of KV, and in what counts as an answer of the service."""

from __future__ import annotations

from .bug import Bug

ENTRIES, KV = "storage/cloudflare/entries.py", "storage/cloudflare/kv.py"
TRACING, WIRE = "storage/tracing.py", "storage/cloudflare/wire.py"
STORES = "storage/stores.py"


def _tests(module: str, words: str) -> tuple[str, ...]:
    return (f"tests/cloudflare/test_{module}.py", "-k", words)


BUGS = [
    Bug(
        "kv-metadata-outlive-the-store",
        "a store that is closed refuses metadata",
        STORES,
        "return self.room(MetadataStore)",
        "return self.__dict__.setdefault('_kept', None) or self.__dict__.update(\n"
        "            _kept=self.room(MetadataStore)\n        ) or self.__dict__['_kept']",
        _tests("binding", "closing"),
    ),
    Bug(
        "store-that-was-not-made-can-not-be-shown",
        "a store that was not made can be shown",
        "storage/store.py",
        'getattr(self, "_layers", None)',
        "self._layers",
        ("tests/opening/test_unmade.py",),
    ),
    Bug(
        "kv-metadata-leave-no-line",
        "the log tells of metadata as of everything",
        TRACING,
        "        elif kind is MetadataStore:\n            room = TracedNotes(room, self.label)\n",
        "",
        _tests("metadata", "log_tells and blocking"),
    ),
    Bug(
        "kv-takes-metadata-that-are-no-text",
        "metadata that UTF-8 can not carry are refused",
        ENTRIES,
        "    if path is not None:\n",
        "    if path is not None and not path:\n",
        _tests("metadata", "utf8"),
    ),
    Bug(
        "kv-takes-names-in-metadata-that-are-no-text",
        "metadata that UTF-8 can not carry are refused",
        ENTRIES,
        "_no_text(name, place) or _no_text(part, place)",
        "_no_text(part, place)",
        _tests("metadata", "utf8"),
    ),
    Bug(
        "kv-mark-outweighs-a-later-end",
        "who renews an entry with its metadata renews it for all",
        ENTRIES,
        "marked <= served <= marked + FAR_SECONDS * 1000",
        "marked <= served",
        _tests("metadata", "renews"),
    ),
    Bug(
        "kv-mark-outweighs-an-earlier-end",
        "who shortens the life of an entry shortens it for all",
        ENTRIES,
        "marked <= served <= marked + FAR_SECONDS * 1000",
        "served <= marked + FAR_SECONDS * 1000",
        _tests("metadata", "shortens"),
    ),
    Bug(
        "kv-mark-gives-way-to-a-slow-write",
        "a short life is exact though it is put late or the clocks differ",
        ENTRIES,
        "FAR_SECONDS: Final = 120",
        "FAR_SECONDS: Final = 62",
        _tests("metadata", "short_life"),
    ),
    Bug(
        "kv-mark-needs-an-end-of-the-service",
        "what lasts longer than the service counts ends when its mark says",
        ENTRIES,
        "fits = served is None or",
        "fits = served is not None and",
        _tests("metadata", "tells_no_end"),
    ),
    Bug(
        "kv-delete-many-goes-all-at-once",
        "thousands of keys are taken away a thousand at a time",
        ENTRIES,
        "REMOVED_AT_ONCE: Final = 1000",
        "REMOVED_AT_ONCE: Final = 10_000",
        _tests("taking_away", "thousands_of_keys_are_taken"),
    ),
    Bug(
        "kv-delete-many-has-one-deadline",
        "each part of the keys that are taken away has a deadline of its own",
        KV,
        "        until = self._until()\n        ends = self._ends(names, until)\n",
        "        until = self.__dict__.setdefault('_over', self._until())\n"
        "        ends = self._ends(names, until)\n",
        _tests("taking_away", "deadline_of_its_own"),
    ),
    Bug(
        "kv-delete-many-hides-a-part",
        "who takes many keys away is told how many are gone",
        KV,
        "                if not start:\n                    raise\n",
        "                raise\n",
        _tests("taking_away", "told_how_many"),
    ),
    Bug(
        "kv-delete-many-checks-a-part",
        "keys that KV does not take are refused before any is taken away",
        KV,
        "        check_names(names, self.label)\n        removed = 0\n",
        "        removed = 0\n",
        _tests("taking_away", "before_any_is"),
    ),
    Bug(
        "cloudflare-nothing-is-a-confirmation",
        "a change that nobody confirmed is not done",
        WIRE,
        "if not reply.body and reply.status == NO_CONTENT:",
        "if not reply.body:",
        _tests("answers", "nobody_confirmed"),
    ),
    Bug(
        "cloudflare-names-of-others-are-dropped",
        "a change that nobody confirmed is not done",
        WIRE,
        "if not isinstance(names, list) or not asked.issuperset(names):",
        "if not isinstance(names, list):",
        _tests("answers", "nobody_confirmed"),
    ),
    Bug(
        "cloudflare-counts-are-not-read",
        "a change that nobody confirmed is not done",
        WIRE,
        "count + len(set(names)) < len(asked)",
        "count < 0",
        _tests("answers", "nobody_confirmed"),
    ),
    Bug(
        "cloudflare-whole-numbers-have-no-point",
        "a whole number may have a point",
        ENTRIES,
        "if type(told) is float and told.is_integer():",
        "if type(told) is str and told.isdecimal():",
        _tests("answers", "point"),
    ),
    Bug(
        "cloudflare-reads-bytes-as-another-value",
        "bytes that are no text are not read as another value",
        WIRE,
        "    return Held(reply.body, None,",
        '    return Held(reply.body.decode(errors="replace"), None,',
        _tests("answers", "no_text"),
    ),
]
