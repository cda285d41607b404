"""The SQL of one table. Every text is constant, so SQLite compiles each once."""

from __future__ import annotations

_LIVE = "(expires_at IS NULL OR expires_at > ?)"

# Text as its bytes, whatever the connection makes of text; numbers as they are.
_VALUE = "CASE typeof(value) WHEN 'text' THEN CAST(value AS BLOB) ELSE value END"
_KEY = "CAST(key AS BLOB)"

_SAME = f"WHERE key = ? AND CAST(value AS BLOB) = ? AND {_LIVE}"
_STRETCH = "WHERE key >= ? AND key < ?"


class Statements:
    """What is said to the table called *table*; `?` stand in the order of their use."""

    def __init__(self, table: str, columns: str, suffix: str) -> None:
        name, index = quoted(table), quoted(f"{table}_expires_at")
        self.create: str = f"CREATE TABLE IF NOT EXISTS {name} ({columns}){suffix}"
        self.index: str = (
            f"CREATE INDEX IF NOT EXISTS {index} ON {name} (expires_at) "
            "WHERE expires_at IS NOT NULL"
        )
        self.describe: str = (
            "SELECT CAST(name AS BLOB), CAST(type AS BLOB), pk FROM pragma_table_info(?)"
        )
        self._reads(name)
        self._writes(name)
        self._removals(name)

    def _reads(self, name: str) -> None:
        row = f"SELECT {_KEY}, {_VALUE}, expires_at FROM {name}"
        page = f"{_STRETCH} AND {_LIVE} ORDER BY key LIMIT ?"
        self.read: str = f"SELECT {_VALUE}, expires_at FROM {name} WHERE key = ?"
        self.ends: str = f"SELECT expires_at FROM {name} WHERE key = ?"
        self.exists: str = f"SELECT 1 FROM {name} WHERE key = ? AND {_LIVE}"
        self.page: str = f"{row} {page}"
        self.page_keys: str = f"SELECT {_KEY} FROM {name} {page}"
        self._many = f"{row} WHERE key IN "

    def _writes(self, name: str) -> None:
        upsert = (
            f"INSERT INTO {name} (key, value, expires_at) VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = "
        )
        self.write: str = upsert + "excluded.expires_at"
        self.write_keeping: str = (
            f"{upsert}CASE WHEN {name}.expires_at <= ? THEN excluded.expires_at "
            f"ELSE {name}.expires_at END"
        )
        self.add: str = f"{upsert}excluded.expires_at WHERE {name}.expires_at <= ?"
        self.swap: str = f"UPDATE {name} SET value = ?, expires_at = ? {_SAME}"
        self.swap_keeping: str = f"UPDATE {name} SET value = ? {_SAME}"
        self.touch: str = f"UPDATE {name} SET expires_at = ? WHERE key = ? AND {_LIVE}"

    def _removals(self, name: str) -> None:
        self.remove: str = f"DELETE FROM {name} WHERE key = ? AND {_LIVE}"
        self.remove_same: str = f"DELETE FROM {name} {_SAME}"
        self.clear: str = f"DELETE FROM {name} {_STRETCH} AND {_LIVE}"
        self.clear_over: str = f"DELETE FROM {name} {_STRETCH}"
        self.forget: str = f"DELETE FROM {name} WHERE key = ? AND expires_at <= ?"
        self.sweep: str = (
            f"DELETE FROM {name} WHERE key IN "
            f"(SELECT key FROM {name} WHERE expires_at <= ? LIMIT ?)"
        )

    def read_many(self, count: int) -> str:
        """Reads *count* keys at once; ask for few different counts."""
        return f"{self._many}({', '.join('?' * count)})"


def quoted(name: str) -> str:
    """*name* as SQL takes any name."""
    return '"' + name.replace('"', '""') + '"'
