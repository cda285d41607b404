"""Bugs in conversations on SQLite."""

from __future__ import annotations

from .bug import Bug

ROOM = "storage/sqlite/histories.py"
TALKS = "storage/sqlite/talks.py"
SQL = "storage/sqlite/statements.py"


def _told(words: str) -> tuple[str, ...]:
    return ("tests/conversation/test_sqlite_histories.py", "-k", f"blocking and ({words})")


def _alike() -> tuple[str, ...]:
    return _told("answers_as_memory")


BUGS = [
    Bug(
        "history-over-what-somebody-appended-in-sqlite",
        "what is remembered of a conversation is written over only where it is so still",
        SQL,
        'self.go_on: str = f"UPDATE {rows} SET at = ?, record = ? {same}"',
        'self.go_on: str = f"UPDATE {rows} SET at = ?, record = ? '
        '{last} AND coalesce(?, ?, 1) IS NOT NULL"',
        _told("who_remembers"),
    ),
    Bug(
        "history-trim-of-another-in-sqlite",
        "who trims reads no heads of a conversation that has changed",
        TALKS,
        "cursor.execute(self.sql.is_still, same).fetchone() is None",
        "cursor.execute(self.sql.is_still, same).fetchone() is ...",
        _alike(),
    ),
    Bug(
        "history-trimmed-and-shown-in-sqlite",
        "what is trimmed is shown to nobody, though its row is still there",
        SQL,
        "(seq >= ? OR guarded = 1)",
        "(seq >= ? OR guarded >= 0)",
        _told("shown_to_nobody"),
    ),
    Bug(
        "history-recent-with-trimmed-in-sqlite",
        "what is trimmed is none of the last messages",
        ROOM,
        "(talk.id, beginning(talk.raw))",
        "(talk.id, 0)",
        _told("shown_to_nobody"),
    ),
    Bug(
        "history-rows-for-ever-in-sqlite",
        "what is trimmed leaves few rows behind",
        ROOM,
        "if state.first // _LEFT_BEHIND > first // _LEFT_BEHIND:",
        "if state.first // _LEFT_BEHIND < first // _LEFT_BEHIND:",
        _told("few_rows"),
    ),
    Bug(
        "history-trims-what-is-guarded-in-sqlite",
        "what is guarded stays",
        SQL,
        "WHERE history = ? AND seq < ? AND guarded = 0",
        "WHERE history = ? AND seq < ? AND guarded >= 0",
        _alike(),
    ),
    Bug(
        "history-refused-by-heart-in-sqlite",
        "nothing is refused by what is remembered",
        ROOM,
        'if done is not None and done.outcome == "appended":',
        "if done is not None:",
        _told("who_remembers or answers_as_memory"),
    ),
    Bug(
        "history-remembered-though-not-written-in-sqlite",
        "what could not be written was not appended",
        TALKS,
        "return self._known.pop(name, None)",
        "return self._known.get(name)",
        _told("could_not_be_written or answers_as_memory"),
    ),
    Bug(
        "history-remembered-in-a-callers-transaction-in-sqlite",
        "a transaction that the caller undoes takes the messages along",
        "storage/sqlite/later.py",
        "self.made = self._connection.owned",
        "self.made = True",
        ("tests/conversation/test_sqlite_histories.py", "-k", "caller_undoes"),
    ),
    Bug(
        "history-over-and-there-in-sqlite",
        "one that is over is absent",
        TALKS,
        "return self.ends is not None and self.ends <= now",
        "return self.ends is not None and self.ends < now",
        _told("absent_to_every"),
    ),
    Bug(
        "history-remembered-beyond-its-end-in-sqlite",
        "one that is over and remembered begins anew",
        ROOM,
        "if talk is not None and not talk.is_over(now):\n                done",
        "if talk is not None:\n                done",
        _told("absent_to_every"),
    ),
    Bug(
        "history-keys-that-are-over-in-sqlite",
        "the keys of those that are over are not listed",
        SQL,
        "AND (at IS NULL OR at > ?) ORDER BY name",
        "AND (at IS NULL OR at >= ? - 1) ORDER BY name",
        _told("absent_to_every"),
    ),
    Bug(
        "history-old-rows-in-sqlite",
        "of what is cleared no row stays",
        TALKS,
        "        cursor.execute(self.sql.empty, (history,))\n",
        "",
        _told("can_not_be_read"),
    ),
    Bug(
        "history-swept-never-in-sqlite",
        "a sweep frees the conversations that are over",
        "storage/sqlite/kv.py",
        "                self._rooms.sweep()\n",
        "",
        _told("sweep_frees"),
    ),
    Bug(
        "history-swept-in-part-in-sqlite",
        "a sweep goes on to the last conversation",
        TALKS,
        "        while passed is not None:\n            passed =",
        "        if passed is not None:\n            passed =",
        _told("sweep_frees"),
    ),
    Bug(
        "history-begun-anew-at-a-price-in-sqlite",
        "who begins anew frees no more than a few rows",
        TALKS,
        "            self._let_go(cursor, old.id, _FREED_AT_ONCE)\n",
        "            self.drop(cursor, old.id)\n",
        _told("begun_anew"),
    ),
    Bug(
        "history-lifetime-as-it-was-in-sqlite",
        "a conversation lasts from the last append on",
        ROOM,
        "        if ends is None:\n            ends = talk.ends\n",
        "        if talk.ends is not None:\n            ends = talk.ends\n",
        _alike(),
    ),
    Bug(
        "history-freed-never-in-sqlite",
        "those that are over are freed by who appends",
        TALKS,
        "if self._appended < FREE_AFTER:",
        "if self._appended < FREE_AFTER**9:",
        _told("are_freed_by"),
    ),
    Bug(
        "history-freed-at-once-in-sqlite",
        "a long one is freed in steps",
        TALKS,
        "(history, history, most)",
        "(history, history, -1)",
        _told("freed_in_steps"),
    ),
    Bug(
        "history-freed-from-the-start-in-sqlite",
        "a store that is made anew each time frees wherever they stand",
        TALKS,
        "self._passed = now % max(1, newest - _LOOKED_AT + 1)",
        "self._passed = now % max(1, newest - newest)",
        _told("made_anew"),
    ),
    Bug(
        "history-freed-in-part-in-sqlite",
        "what is freed is gone as a whole, whoever's clock is behind",
        TALKS,
        "        cursor.execute(self.sql.remove, (history, LAST))\n",
        "",
        _told("clock_is_behind"),
    ),
    Bug(
        "history-corrupt-state-as-none-in-sqlite",
        "what is known and can not be read is an error",
        TALKS,
        "raise self.corrupt(str(error), key) from None",
        "talk.state = State(0)",
        _told("can_not_be_read"),
    ),
    Bug(
        "history-broken-record-raises-in-sqlite",
        "a broken record is handed out where it stands",
        TALKS,
        "    except ValueError:\n        one = Mark(seq",
        "    except KeyError:\n        one = Mark(seq",
        _told("broken_record"),
    ),
    Bug(
        "history-broken-record-counted-in-sqlite",
        "of a broken record nothing is known but that it is there",
        TALKS,
        "if not all(one.role for one in found):",
        "if not all(one.seq for one in found):",
        _told("broken_record"),
    ),
    Bug(
        "history-record-of-another-in-sqlite",
        "a record in the place of another one is broken",
        TALKS,
        "if one.seq != seq:",
        "if one.seq < seq:",
        _told("broken_record"),
    ),
    Bug(
        "history-read-torn-in-sqlite",
        "who reads sees a conversation at one moment",
        "storage/sqlite/connection.py",
        'return inside(cursor, work, "BEGIN", "COMMIT", ("ROLLBACK",))',
        "return work(cursor)",
        _told("at_one_moment"),
    ),
    Bug(
        "history-read-to-the-end-in-sqlite",
        "a bound in time reads no more than what is asked for",
        SQL,
        'conditions.append(f"({past} OR {among})" if past else among)',
        'conditions.append(f"({past} IS NULL OR {among})" if past else among)',
        _told("bound_in_time"),
    ),
    Bug(
        "history-of-a-killed-process-torn-in-sqlite",
        "a process that is killed leaves whole conversations",
        ROOM,
        "        self._add(cursor, talk.id, messages)\n        if state",
        '        cursor.execute("COMMIT")\n        cursor.execute("BEGIN IMMEDIATE")\n'
        "        self._add(cursor, talk.id, messages)\n        if state",
        ("tests/conversation/test_sqlite_histories.py", "-k", "is_killed_before"),
    ),
    Bug(
        "sqlite-histories-whose-text-is-shown",
        "no error shows what was said",
        "storage/sqlite/statements.py",
        "WHEN 'text' THEN CAST(record AS BLOB) ELSE",
        "WHEN 'text' THEN record ELSE",
        ("tests/conversation/test_sqlite_histories.py", "-k", "text_that_is_none"),
    ),
]
