"""Bugs in rate limits on SQLite and on backends that have no room for them."""

from __future__ import annotations

from .bug import Bug

ROOM = "storage/sqlite/limits.py"
STEPS = "storage/metering.py"


def _sqlite(words: str) -> tuple[str, ...]:
    return ("tests/limits/test_sqlite_limits.py", "-k", f"blocking and ({words})")


def _steps(words: str) -> tuple[str, ...]:
    return ("tests/limits/test_limits_step_by_step.py", "-k", words)


BUGS = [
    Bug(
        "limit-over-what-somebody-counted-in-sqlite",
        "what is remembered of a meter is written over only where it is so still",
        "storage/sqlite/statements.py",
        "state = ? WHERE name = ? AND state = ?",
        "state = ? WHERE name = ? AND ? IS NOT NULL",
        _sqlite("another_goes_on or who_remembers"),
    ),
    Bug(
        "limit-refused-by-heart-in-sqlite",
        "who was refused sees what others do",
        ROOM,
        "if row is None or row[1] != raw:",
        "if row is None:",
        _sqlite("somebody_gives_back"),
    ),
    Bug(
        "limit-counted-in-vain-in-sqlite",
        "what could not be written was not counted",
        ROOM,
        "self._known.pop(name, None) if",
        "self._known.get(name) if",
        _sqlite("could_not_be_written"),
    ),
    Bug(
        "limit-refusal-that-waits-in-sqlite",
        "a refusal does not wait for who writes",
        ROOM,
        "            self._meters.given(name, known)\n            return decision\n",
        "            return decision\n",
        _sqlite("does_not_wait"),
    ),
    Bug(
        "limit-rows-for-ever-in-sqlite",
        "rows that are over are freed",
        ROOM,
        "        if over:\n",
        "        if not rows:\n",
        _sqlite("are_freed"),
    ),
    Bug(
        "limit-rows-freed-from-the-start-in-sqlite",
        "a store that adds one row frees rows wherever they stand",
        ROOM,
        "passed = name.encode() if self._passed is None else self._passed",
        "passed = self._passed or name[:0].encode()",
        _sqlite("made_anew"),
    ),
    Bug(
        "limit-rows-freed-early-in-sqlite",
        "what counts by a clock that is behind is not freed",
        ROOM,
        "_SPARED_MS: Final = 3_600_000",
        "_SPARED_MS: Final = 0",
        _sqlite("who_frees_by"),
    ),
    Bug(
        "limit-corrupt-row-as-none-in-sqlite",
        "a corrupt row is no absent one",
        ROOM,
        "raise self._corrupt(str(error), meter) from None",
        "return None",
        _sqlite("corrupt_row"),
    ),
    Bug(
        "limit-remembered-beyond-the-callers-transaction",
        "what the caller undoes is not remembered",
        ROOM,
        "if self.connection.owned else None",
        "if self.connection else None",
        ("tests/limits/test_sqlite_limits.py", "-k", "caller_undoes"),
    ),
    Bug(
        "limit-spent-in-part-step-by-step",
        "where a later meter refuses the earlier ones are given back",
        STEPS,
        "zip(meters, found, after[:number])",
        "zip(meters, found, after[:0])",
        _steps("later_meter"),
    ),
    Bug(
        "limit-not-given-back-after-others-step-by-step",
        "what others spent meanwhile hinders nobody from giving back",
        STEPS,
        "if done or when == 0:",
        "if not done or when == 0:",
        _steps("others_spent"),
    ),
    Bug(
        "limit-for-ever-step-by-step",
        "no entry outlives what it counts",
        STEPS,
        "        if not self._expires:\n            return None\n",
        "        return None\n",
        _steps("blocking and outlives"),
    ),
    Bug(
        "limit-over-step-by-step",
        "a meter is swapped for what was read",
        STEPS,
        "            return self._backend.swap(name, old, new, ms)\n",
        "            self._backend.remove(name)\n",
        _steps("own_moment or moment_of_its_own or taken_by_one or decided_anew"),
    ),
    Bug(
        "limit-corrupt-entry-as-none-step-by-step",
        "a corrupt entry is no absent one",
        STEPS,
        "            raise self._corrupt(meter, error) from None\n",
        "            return None\n",
        _steps("blocking and corrupt_entry"),
    ),
    Bug(
        "limit-in-an-envelope",
        "what a limit keeps is no record with an end in it",
        "storage/ending.py",
        "        if kind is Plain:\n",
        "        if kind is Plain and not kind:\n",
        _steps("blocking and enhanced"),
    ),
    Bug(
        "limit-that-passes-what-is-barred",
        "the short way finds out what the long one does",
        "storage/core/window.py",
        "if state.at > now or state.barred > now:",
        "if state.at > now:",
        ("tests/limits/test_short_ways.py",),
    ),
    Bug(
        "limit-that-ends-unsettled",
        "what is kept is settled before it is said when it ends",
        "storage/core/window.py",
        "kept, at = rule.settled(kept, more, at, seen), seen",
        "at = seen",
        ("tests/limits/test_short_ways.py",),
    ),
]
