"""Bugs in sessions of session continuity on SQLite."""

from __future__ import annotations

from .bug import Bug

ROOM = "storage/sqlite/dialogs.py"
ROWS = "storage/sqlite/dialog_rows.py"
SAID = "storage/sqlite/dialog_statements.py"


def _laws(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_dialog_rooms.py", "-k", f"sqlite-blocking and ({words})")


def _sqlite(words: str) -> tuple[str, ...]:
    return ("tests/continuity/test_sqlite_dialogs.py", "-k", words)


BUGS = [
    Bug(
        "dialog-over-and-in-sqlite",
        "what is over is absent",
        ROWS,
        "type(ends) is int and ends <= now",
        "type(ends) is int and ends < now",
        _laws("is_absent or renews_how_long"),
    ),
    Bug(
        "dialog-over-and-listed-in-sqlite",
        "a listing shows nothing that is over",
        SAID,
        'conditions = ["space = ?", "id IS NOT NULL", _LIVE]',
        'conditions = ["space = ?", "id IS NOT NULL", f"({_LIVE} OR 1)"]',
        _laws("is_absent"),
    ),
    Bug(
        "dialog-namespaces-mixed-in-sqlite",
        "a namespace lists its own sessions",
        SAID,
        'conditions = ["space = ?", "id IS NOT NULL", _LIVE]',
        'conditions = ["space >= ?", "id IS NOT NULL", _LIVE]',
        _laws("namespaces"),
    ),
    Bug(
        "dialog-cleared-before-its-end-in-sqlite",
        "a session that is not past its end is not cleared away",
        ROOM,
        "min(expired_by, now)",
        "expired_by",
        _laws("renewed_is_not_cleared"),
    ),
    Bug(
        "dialog-id-of-two-messages-in-sqlite",
        "an id is that of one message in the whole store",
        ROOM,
        "        if is_named and not is_over(ends, now):\n",
        "        if is_named and is_over(ends, now):\n",
        _laws("one_message_in_the_whole_store"),
    ),
    Bug(
        "dialog-taken-by-what-is-over-in-sqlite",
        "a message of a session that is over takes no id",
        ROOM,
        "        if is_named and not is_over(ends, now):\n",
        "        if is_named:\n",
        _laws("one_message_in_the_whole_store"),
    ),
    Bug(
        "dialog-of-another-session-amended-in-sqlite",
        "a message of another session is missing",
        SAID,
        "WHERE space = ? AND id = ? AND dialog = ?",
        "WHERE space = ? AND id = ? AND dialog >= ? - 1",
        _laws("one_message_in_the_whole_store"),
    ),
    Bug(
        "dialog-limit-before-tags-in-sqlite",
        "tags count before the number does",
        ROWS,
        "[-1, 0] if wanted.tags else _paged(wanted.offset, wanted.limit)",
        "_paged(wanted.offset, wanted.limit)",
        _laws("conditions_count"),
    ),
    Bug(
        "dialog-listing-says-one-twice-in-sqlite",
        "a listing goes on after the session where another ended",
        SAID,
        "{past} ? OR id > ?)",
        "{past} ? OR id >= ?)",
        _laws("goes_on_where"),
    ),
    Bug(
        "dialog-newest-is-oldest-in-sqlite",
        "the newest messages come first where that is asked for",
        SAID,
        "'DESC' if asked.newest else 'ASC'",
        "'ASC' if asked.newest else 'ASC'",
        _laws("messages"),
    ),
    Bug(
        "dialog-columns-not-written-in-sqlite",
        "a change is found by what it says",
        ROOM,
        "cursor.execute(self._sql.change, [*dialog_rows.changed(dialog), row.number])",
        "self._go_on(cursor, row, dialog)",
        _laws("found_by_what_it_is_now"),
    ),
    Bug(
        "dialog-activity-not-written-in-sqlite",
        "a listing by activity knows of every change",
        ROWS,
        'moment_of(held.fields, "lastActivityAt"),',
        'moment_of(held.fields, "createdAt"),',
        _laws("order_of_their_activity"),
    ),
    Bug(
        "dialog-rows-for-ever-in-sqlite",
        "who adds frees what is over",
        ROWS,
        "if begun or self._added >= _FREE_AFTER:",
        "if begun:",
        _sqlite("freed_by_who_adds"),
    ),
    Bug(
        "dialog-rows-all-at-once-in-sqlite",
        "what is over is freed in small portions",
        ROWS,
        "        while most > 0:\n",
        "        while True:\n            most = max(most, 1)\n",
        _sqlite("freed_by_who_begins"),
    ),
    Bug(
        "dialog-long-one-all-at-once-in-sqlite",
        "a long session is freed in steps",
        SAID,
        "WHERE dialog = ? ORDER BY seq LIMIT ?)",
        "WHERE dialog = ? ORDER BY seq LIMIT 100 * ?)",
        _sqlite("swept_in_steps"),
    ),
    Bug(
        "dialog-messages-left-behind-in-sqlite",
        "a session goes with all of it",
        ROOM,
        "            cursor.execute(self._sql.discard_all, (row[0],))\n"
        "            cursor.execute(self._sql.forget",
        "            cursor.execute(self._sql.forget",
        _laws("goes_with_all_of_it"),
    ),
    Bug(
        "dialog-old-one-in-the-way-in-sqlite",
        "a session that is over gives way to a new one",
        ROOM,
        "                cursor.execute(self._sql.unname, (row[0],))\n",
        "                pass\n",
        _sqlite("swept_in_steps"),
    ),
    Bug(
        "dialog-corrupt-is-empty-in-sqlite",
        "fields that are no object of texts are an error",
        ROWS,
        "not all(type(one) is str for one in found.values())",
        "not found",
        _sqlite("can_not_be_read"),
    ),
    Bug(
        "dialog-corrupt-counters-in-sqlite",
        "counters that are no numbers are an error",
        ROWS,
        "        if not type(messages) is type(tokens) is type(seq) is int:\n",
        "        if not type(messages) is type(tokens) is int:\n",
        _sqlite("can_not_be_read"),
    ),
    Bug(
        "dialog-by-hand-in-sqlite",
        "a step is one transaction",
        ROWS,
        "        return self._later.transact(whole, key)\n",
        "        self._later.transact(lambda cursor: None, key)\n"
        "        return whole(self._connection._cursor or self._connection._open())\n",
        _sqlite("leaves_nothing_of_it or killed_before"),
    ),
    Bug(
        "dialog-sweep-writes-always-in-sqlite",
        "who may only read can ask which sessions are due",
        ROWS,
        "        while self.look(is_any_over, None, False):\n",
        "        while self.transact(is_any_over, None):\n",
        _sqlite("only_read"),
    ),
    Bug(
        "dialog-listing-of-a-user-scans-in-sqlite",
        "a listing looks at no more than it has to",
        SAID,
        """'space, "user", created, id', '"user"'""",
        """'"user", space, created', 'created'""",
        _sqlite("no_more_than_it_has_to"),
    ),
]
