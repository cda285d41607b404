"""Bugs in whole stores: copies, dumps, migrations."""

from __future__ import annotations

from .bug import Bug


def _restoring(words: str) -> tuple[str, ...]:
    return ("tests/contract/test_restoring.py", "-k", words)


def _moving(module: str, words: str = "") -> tuple[str, ...]:
    path = f"tests/moving/test_{module}.py"
    return (path, "-k", words) if words else (path,)


BUGS = [
    Bug(
        "restore-forgets-ends-in-memory",
        "what is restored ends when it shall",
        "storage/memory/kv.py",
        "self._put(name, raw, None if ends is None else At(ends), now)",
        "self._put(name, raw, None, now)",
        _restoring("memory and restored"),
    ),
    Bug(
        "restore-replaces-what-shall-stay-in-sqlite",
        "what is restored leaves what is there if it shall",
        "storage/sqlite/kv.py",
        "self._connection.change_many(self._sql.add, [(*row, now) for row in rows])",
        "self._connection.change_many(self._sql.write, [row for row in rows if now])",
        _restoring("sqlite and shall"),
    ),
    Bug(
        "ends-of-many-see-the-expired-in-sqlite",
        "what is over is absent to every operation",
        "storage/sqlite/kv.py",
        "                if not _over(ends, now_ms):\n                    found[name] = ends",
        "                if now_ms:\n                    found[name] = ends",
        _restoring("sqlite and over"),
    ),
    Bug(
        "restore-replaces-what-shall-stay-on-redis",
        "what is restored leaves what is there if it shall",
        "storage/redis/lua/restore.lua",
        "redis.call('SET', key, raw, 'NX', 'PXAT', ends)",
        "redis.call('SET', key, raw, 'PXAT', ends)",
        _restoring("valkey and shall"),
    ),
    Bug(
        "ends-of-many-in-the-wrong-order-on-redis",
        "the ends of many entries stand in the order of their names",
        "storage/redis/lua/ends.lua",
        "ends[index] = at",
        "table.insert(ends, 1, at)",
        _restoring("valkey"),
    ),
    Bug(
        "restore-too-much-at-once-is-lost-on-redis",
        "many entries are restored as few are",
        "storage/redis/kv.py",
        "                    some, size = [], len(entries[index][1])\n",
        "                    some, size = entries[:0], len(entries[index][1])\n"
        "                    continue\n",
        _restoring("valkey and many"),
    ),
    Bug(
        "restore-keeps-what-is-over-in-records",
        "what is over gives way to what is restored",
        "storage/ending.py",
        "            self._free_among([name for name, _, _ in entries])",
        "            self._free_among([])",
        _restoring("enhanced and over"),
    ),
    Bug(
        "copy-takes-names-of-another-layout",
        "a key of one layout is the same key in another",
        "storage/core/moving.py",
        "self._renames = source.names.verbatim is not target.names.verbatim",
        "self._renames = False",
        _moving("copy", "layouts"),
    ),
    Bug(
        "copy-takes-claims-along",
        "leases and claims are not copied",
        "storage/keys.py",
        "            if rest[:1] != _MARK:\n                return None",
        "            if rest[:1] != _MARK:\n                return tuple(path), rest",
        _moving("copy", "claims"),
    ),
    Bug(
        "copy-stamps-a-version-on-anything",
        "a record keeps its version until the target migrates it",
        "storage/core/moving.py",
        "found = envelope.record(data)",
        "found = Record(envelope.version, data, None, True)",
        _moving("copy", "version"),
    ),
    Bug(
        "copy-does-not-look-at-values",
        "what can not be read is told",
        "storage/core/moving.py",
        "        self._source.decode(key, data)\n",
        "",
        _moving("copy", "told"),
    ),
    Bug(
        "verify-does-not-look-at-ends",
        "a verified copy has the same ends",
        "storage/core/moving.py",
        "elif end != _kept(one.ends, grain):",
        "elif one.key is None:",
        _moving("copy", "differs"),
    ),
    Bug(
        "copy-leads-into-itself",
        "a place is not copied into itself",
        "storage/core/moving.py",
        "(here.startswith(there) or there.startswith(here))",
        "here == there",
        _moving("copy", "itself"),
    ),
    Bug(
        "torn-dump-goes-unnoticed",
        "a dump that lost a part is told",
        "storage/core/lines.py",
        "if self._entries != self._report.looked_at:",
        "if self._entries is None and not self._report.looked_at:",
        _moving("dump", "torn"),
    ),
    Bug(
        "dump-writes-in-place",
        "a file is there when the dump is whole",
        "storage/dumps.py",
        'part = path.with_name(f"{path.name}.part")',
        "part = path",
        _moving("dump", "whole"),
    ),
    Bug(
        "dump-migrates-on-the-way",
        "records are dumped in the version that they have",
        "storage/core/lines.py",
        "return Line(path, key, found.data, True, found.version, ends)",
        "return Line(path, key, found.data, True, None, ends)",
        _moving("dump", "version or byte"),
    ),
    Bug(
        "load-writes-values-anew",
        "what is loaded has the bytes that were dumped",
        "storage/core/lines.py",
        """return Line(tuple(path), key, found["value"][1].encode(), True, version, ends)""",
        """return Line(tuple(path), key, rewritten(found["value"][0]), True, version, ends)""",
        _moving("dump", "byte"),
    ),
    Bug(
        "migrate-overwrites-what-others-wrote",
        "what somebody writes during a migration is not lost",
        "storage/upgrading.py",
        "done = store._backend.swap(name, found.raw, sealed, keeping)",
        "done = store._backend.write(name, sealed, keeping) is None",
        _moving("migrate", "meanwhile"),
    ),
    Bug(
        "migrate-forgets-ends",
        "a record that is migrated keeps its end",
        "storage/upgrading.py",
        "found.raw, sealed, keeping)",
        "found.raw, sealed, None)",
        _moving("migrate", "newest"),
    ),
    Bug(
        "dry-run-writes",
        "a dry run writes nothing",
        "storage/upgrading.py",
        "        if dry_run:\n",
        "        if dry_run and attempt:\n",
        _moving("migrate", "dry"),
    ),
    Bug(
        "migrate-begins-anew",
        "a later call goes on where an earlier one ended",
        "storage/upgrading.py",
        "report = Report(cursor=after)",
        "report = Report()",
        _moving("migrate", "later"),
    ),
]
