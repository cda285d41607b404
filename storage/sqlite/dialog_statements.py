"""The SQL of sessions of session continuity and of their messages."""

from __future__ import annotations

from typing import Final

from ..dialogs import Asked, Wanted
from .statements import IS_THERE, quoted

_LIVE = "(ends IS NULL OR ends > ?)"

_GOES_ON = "(status = ? AND (expires IS NULL OR expires > ?))"
STANDS: Final[dict[str | None, str]] = {
    "active": _GOES_ON,
    "paused": _GOES_ON,
    "expired": "(status = ? OR (status IN ('active', 'paused') AND expires <= ?))",
}
"""How it is looked for sessions of a status that the moment decides, which is told after it."""


def _raw(column: str) -> str:
    """A text as its bytes, whatever the connection makes of text."""
    return f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END"


_HELD = f"number, ends, messages, tokens, seq, {_raw('compression')}, {_raw('fields')}"
_CHANGED: Final = ("active", "expires", "ends", "messages", "tokens", "seq", "compression")


class DialogStatements:
    """What is said to the two tables beside the table called *table*.

    `space` is the prefix of a store in the file. A session whose `id` is NULL is on its way out.
    What stands in columns is there for SQL to find and to order by; `fields` is what is read.
    """

    def __init__(self, table: str) -> None:
        self.table: str = f"{table}_dialogs"
        dialogs, messages = quoted(self.table), quoted(f"{table}_dialog_messages")
        self._dialogs, self._rows = dialogs, messages
        columns = (
            "number INTEGER PRIMARY KEY, space TEXT NOT NULL, id TEXT, "
            '"user" TEXT, status TEXT, agent TEXT, created INTEGER NOT NULL, '
            "active INTEGER NOT NULL, expires INTEGER, ends INTEGER, messages INTEGER NOT NULL, "
            "tokens INTEGER NOT NULL, seq INTEGER NOT NULL, compression TEXT NOT NULL, "
            "fields TEXT NOT NULL, UNIQUE (space, id)"
        )
        theirs = (
            "dialog INTEGER NOT NULL, seq INTEGER NOT NULL, space TEXT NOT NULL, "
            "id TEXT NOT NULL, role TEXT, created INTEGER NOT NULL, tokens INTEGER NOT NULL, "
            "fields TEXT NOT NULL, PRIMARY KEY (dialog, seq), UNIQUE (space, id)"
        )
        self.create: list[str] = [
            f"CREATE TABLE IF NOT EXISTS {dialogs} ({columns})",
            f"CREATE TABLE IF NOT EXISTS {messages} ({theirs}) WITHOUT ROWID",
            _index(self.table, "created", "space, created, id", "id"),
            _index(self.table, "user", 'space, "user", created, id', '"user"'),
            _index(self.table, "expires", "space, expires", "expires"),
            _index(self.table, "ends", "ends", "ends"),
        ]
        self.is_there: str = IS_THERE
        self._sessions(dialogs)
        self._messages(messages)
        self._removals(dialogs, messages)

    def _sessions(self, dialogs: str) -> None:
        named = f"FROM {dialogs} WHERE space = ? AND id = ?"
        self.find: str = f"SELECT {_HELD} {named}"
        self.look: str = f"SELECT number, ends, expires {named}"
        names = f'space, id, "user", status, agent, created, fields, {", ".join(_CHANGED)}'
        marks = ", ".join("?" * (7 + len(_CHANGED)))
        self.begin: str = f"INSERT INTO {dialogs} ({names}) VALUES ({marks})"
        sets = ", ".join(f"{column} = ?" for column in ("fields", *_CHANGED))
        self.go_on: str = f"UPDATE {dialogs} SET {sets} WHERE number = ?"
        self.change: str = (
            f'UPDATE {dialogs} SET "user" = ?, status = ?, agent = ?, created = ?, {sets} '
            "WHERE number = ?"
        )
        self.ids: str = (
            f"SELECT CAST(id AS BLOB) FROM {dialogs} "
            f'WHERE space = ? AND "user" = ? AND id IS NOT NULL AND {_LIVE}'
        )
        self.expired: str = (
            f"SELECT CAST(id AS BLOB) FROM {dialogs} "
            f"WHERE space = ? AND expires <= ? AND id IS NOT NULL AND {_LIVE} "
            "ORDER BY expires, id"
        )

    def _messages(self, messages: str) -> None:
        fields = _raw("fields")
        self.message: str = (
            f"SELECT seq, tokens, {fields} FROM {messages} "
            "WHERE space = ? AND id = ? AND dialog = ?"
        )
        self.holder: str = (
            f"SELECT dialog, {_raw('one.fields')}, it.id IS NOT NULL, it.ends "
            f"FROM {messages} AS one LEFT JOIN {self._dialogs} AS it ON it.number = one.dialog "
            "WHERE one.space = ? AND one.id = ?"
        )
        self.last: str = (
            f"SELECT created FROM {messages} WHERE dialog = ? ORDER BY seq DESC LIMIT 1"
        )
        self.add: str = (
            f"INSERT INTO {messages} (dialog, seq, space, id, role, created, tokens, fields) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.amend: str = (
            f"UPDATE {messages} SET role = ?, created = ?, tokens = ?, fields = ? "
            "WHERE dialog = ? AND seq = ?"
        )
        self.discard: str = f"DELETE FROM {messages} WHERE dialog = ? AND seq = ?"
        self.discard_named: str = f"DELETE FROM {messages} WHERE space = ? AND id = ?"
        self.discard_all: str = f"DELETE FROM {messages} WHERE dialog = ?"

    def _removals(self, dialogs: str, messages: str) -> None:
        self.unname: str = f"UPDATE {dialogs} SET id = NULL WHERE number = ?"
        self.forget: str = f"DELETE FROM {dialogs} WHERE number = ?"
        self.over: str = f"SELECT number FROM {dialogs} WHERE ends <= ? LIMIT 1"
        self.free: str = (
            f"DELETE FROM {messages} WHERE dialog = ? AND seq IN "
            f"(SELECT seq FROM {messages} WHERE dialog = ? ORDER BY seq LIMIT ?)"
        )

    def select(self, wanted: Wanted) -> str:
        """Reads sessions, each with its place; `selected` says what is to be put into it."""
        at = "active" if wanted.by == "activity" else "created"
        conditions = ["space = ?", "id IS NOT NULL", _LIVE]
        given = (wanted.user_id, wanted.status, wanted.agent_id)
        stands = STANDS.get(wanted.status, "status = ?")
        names = ('"user" = ?', stands, "agent = ?")
        conditions += [name for name, one in zip(names, given) if one is not None]
        if wanted.created_after is not None:
            conditions.append("created >= ?")
        if wanted.created_before is not None:
            conditions.append("created <= ?")
        if wanted.beyond is not None:
            past = "<" if wanted.newest else ">"
            conditions.append(f"{at} {past}= ? AND ({at} {past} ? OR id > ?)")
        order = f"{at} {'DESC' if wanted.newest else 'ASC'}, id"
        return (
            f"SELECT CAST(id AS BLOB), {_HELD} FROM {self._dialogs} "
            f"WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ? OFFSET ?"
        )

    def read(self, asked: Asked) -> str:
        """Reads messages; `read` of `dialog_rows` says what is to be put into it."""
        conditions = ["dialog = ?"]
        if asked.id is not None:
            conditions.append("id = ?")
        if asked.roles:
            conditions.append(f"role IN ({', '.join('?' * len(asked.roles))})")
        if asked.after is not None:
            conditions.append("created > ?")
        if asked.before is not None:
            conditions.append("created < ?")
        return (
            f"SELECT {_raw('fields')} FROM {self._rows} WHERE {' AND '.join(conditions)} "
            f"ORDER BY seq {'DESC' if asked.newest else 'ASC'} LIMIT ? OFFSET ?"
        )


def _index(table: str, name: str, columns: str, needed: str) -> str:
    index = quoted(f"{table}_{name}")
    return (
        f"CREATE INDEX IF NOT EXISTS {index} ON {quoted(table)} ({columns}) "
        f"WHERE {needed} IS NOT NULL"
    )
