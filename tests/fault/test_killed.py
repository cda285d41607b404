"""A process that is killed, or a machine that loses its power: what was acknowledged is there."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import storage
from tests.fault.ground import Child, healthy

KILLS = 20
CUTS = 100
MEMBERS = ("a", "b", "c")


def test_every_acknowledged_write_outlives_a_killed_process(file: Path) -> None:
    """An acknowledgement goes through a pipe before the next write begins."""
    chance = random.Random(9)
    done = 0

    for _ in range(KILLS):
        writer = Child(lambda says, first=done: write(file, first, says))  # type: ignore[misc]
        last = b""
        for _ in range(chance.randrange(1, 120)):
            last = exactly(writer, 4)
        writer.kill()
        while said := exactly(writer, 4):
            last = said
        writer.close()
        acknowledged = int.from_bytes(last, "big") + 1

        done = check(file, acknowledged)
        assert healthy(file)
    assert done > KILLS


def write(file: Path, first: int, says: object) -> None:
    with storage.SqliteStorage(file) as store:
        for number in range(first, 1 << 30):
            if number % 2:
                store.set_many({f"{name}{number}": [number] * 50 for name in MEMBERS})
            else:
                store.set(f"a{number}", [number] * 50)
                store.update("seen", lambda seen: {**seen, "last": number}, default={})  # noqa: B023
            store.incr("count")
            says(number.to_bytes(4, "big"))  # type: ignore[operator]


def exactly(child: Child, size: int) -> bytes:
    """One whole word of *child*, or nothing: what a kill cuts off was not said."""
    word = b""
    while len(word) < size and (more := child.read(size - len(word))):
        word += more
    return word if len(word) == size else b""


def check(file: Path, acknowledged: int) -> int:
    """All that was acknowledged is whole; of the step after it nothing is torn. Says where to
    go on."""
    with storage.SqliteStorage(file) as store:
        for number in range(acknowledged):
            names = MEMBERS if number % 2 else ("a",)
            for name in names:
                assert store.get(f"{name}{number}") == [number] * 50, f"lost {name}{number}"
        after = {name for name in MEMBERS if store.has(f"{name}{acknowledged}")}
        assert after in (set(), {"a"} if acknowledged % 2 == 0 else set(MEMBERS)), "torn"
        assert not store.has(f"a{acknowledged + 1}"), "from nowhere"
        count = store.get("count")
        assert count in (acknowledged, acknowledged + 1)
        seen = store.get("seen", {"last": 0})["last"]
        assert seen >= (acknowledged - 1) // 2 * 2, "an update was lost"
        # The next writer does this step again, and counts it if it was not counted.
        store.set("count", acknowledged)
        store.delete_many([f"{name}{acknowledged}" for name in MEMBERS])
    return acknowledged


def test_a_log_that_is_cut_anywhere_leaves_a_consistent_prefix(tmp_path: Path) -> None:
    chance = random.Random(7)
    original, copy = tmp_path / "bot.db", tmp_path / "copy.db"
    last = 80
    with storage.SqliteStorage(original) as store:
        for number in range(last):
            store.set_many({f"{name}{number}": number for name in MEMBERS} | {"count": number + 1})
        image = original.read_bytes()
        log = original.with_name("bot.db-wal").read_bytes()
    assert len(log) > 50_000, "there is nothing to cut"
    survived = set()

    for _ in range(CUTS):
        cut = chance.randrange(len(log) + 1)
        rest = chance.choice(
            [b"", bytes(len(log) - cut), chance.randbytes(min(9000, len(log) - cut))]
        )
        copy.write_bytes(image)
        copy.with_name("copy.db-wal").write_bytes(log[:cut] + rest)

        survived.add(prefix(copy, last))
        for file in tmp_path.glob("copy.db*"):
            file.unlink()
    assert len(survived) > 20, "so few different ends prove nothing"


def prefix(file: Path, last: int) -> int:
    """How many of the batches are there, all of each, and none after them."""
    with storage.SqliteStorage(file) as store:
        count = int(store.get("count", 0))
        expected = {f"{name}{number}": number for number in range(count) for name in MEMBERS}
        found = dict(store.items())
        found.pop("count", None)
        assert found == expected
        assert 0 <= count <= last
        store.set("usable", True)
        assert store.get("usable") is True
    assert healthy(file)
    return count


def test_a_log_copied_without_its_database_harms_nothing(file: Path, tmp_path: Path) -> None:
    with storage.SqliteStorage(file) as store:
        store.set("a", 1)
        moved = tmp_path / "moved.db"
        shutil.copy(file.with_name("bot.db-wal"), moved.with_name("moved.db-wal"))

    with storage.SqliteStorage(moved) as fresh:
        assert fresh.get("a") is None
        fresh.set("b", 2)
    with storage.SqliteStorage(moved) as again:
        assert dict(again.items()) == {"b": 2}
