"""What the tests of topologies stand on: addresses, keys all over a cluster, and load."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import storage
from tests.servers import Cluster, Sentinel, Server, User, slot_of
from tests.waiting import PATIENCE, until

PREFIX = "storage:"


def cluster_url(cluster: Cluster, who: User | None = None) -> str:
    """A URL with two of the nodes."""
    hosts = ",".join(f"{host}:{port}" for host, port in cluster.addresses[:2])
    return f"redis+cluster://{_login(who)}{hosts}"


def sentinel_url(sentinel: Sentinel, who: User | None = None, query: str = "") -> str:
    """A URL with all of the Sentinels."""
    hosts = ",".join(f"{host}:{port}" for host, port in sentinel.addresses)
    return f"redis+sentinel://{_login(who)}{hosts}/{sentinel.service}{query}"


def key_of(cluster: Cluster, master: Server, start: str = "k") -> str:
    """A key whose value lies on *master*."""
    names = (f"{start}{number}" for number in range(1000))
    return next(name for name in names if cluster.master_of(PREFIX + name) is master)


def one_of_each(cluster: Cluster) -> dict[Server, str]:
    """For each master a key that lies there."""
    return {master: key_of(cluster, master) for master in cluster.masters}


def same_slot(key: str, count: int) -> list[str]:
    """Keys that lie in the slot of *key*, which has no braces."""
    return [f"{{{PREFIX}{key}}}{number}" for number in range(count)]


def slot(key: str) -> int:
    """Where the value of *key* lies."""
    return slot_of(PREFIX + key)


class Load:
    """Threads, or tasks of one loop, that use a store until the block ends.

    One counts and writes at the keys, one after the other, and two read. One is enough to write:
    a server tells its replica before it answers the only one who writes, so what was acknowledged
    outlives it.
    """

    def __init__(self, store: Any, keys: Sequence[str]) -> None:
        self.keys = keys
        self.errors: list[Exception] = []
        """What came of reading, and of writing what may be written twice."""
        self.acknowledged: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.wrong: list[str] = []
        """Sums that can not be."""
        self.slowest = 0.0
        """Seconds that one call took at the most."""
        self.loses = False
        """Whether what was acknowledged may be gone."""
        self._store = store
        self._is_over = False
        self._rounds = [0, 0, 0]
        works: list[Callable[[str], None]] = [self._write, self._read, self._read_many]
        self._threads = [
            threading.Thread(target=self._run, args=place, daemon=True)
            for place in enumerate(works)
        ]

    def turn(self) -> None:
        """Wait until everybody has been at every key, all of it from now on."""
        before = list(self._rounds)
        until(
            lambda: all(now > then + 1 for now, then in zip(self._rounds, before)),
            "another round",
        )

    def check(self) -> None:
        """Nobody got an error, no sum is too small for what was acknowledged, and none is too
        large."""
        assert not self.errors, self.errors
        assert not self.wrong, self.wrong
        for key in self.keys:
            self._count(key, self._store.get(f"{key}:n"))
        assert not self.wrong, self.wrong

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a call that does not end"

    def _run(self, place: int, work: Callable[[str], None]) -> None:
        while not self._is_over:
            for key in self.keys:
                work(key)
            self._rounds[place] += 1

    def _write(self, key: str) -> None:
        self._incr(key)
        self._timed(lambda: self._store.set(key, self._rounds[0]))
        self._timed(lambda: self._store.touch(key, ttl=60))
        self._timed(lambda: self._store.set_many({key: 1, f"{key}:other": 2}, ttl=60))

    def _read(self, key: str) -> None:
        self._timed(lambda: self._store.get(key))
        self._timed(lambda: self._store.has(key))
        self._timed(lambda: self._store.expires_at(key))

    def _read_many(self, key: str) -> None:
        self._timed(lambda: self._store.get_many(self.keys))

    def _incr(self, key: str) -> None:
        try:
            total = self._timed(lambda: self._store.incr(f"{key}:n"), storage.OutcomeUnknownError)
        except storage.OutcomeUnknownError:
            self.unknown[key] += 1
            return
        self.acknowledged[key] += total is not None
        self._count(key, total)

    def _timed(self, work: Callable[[], Any], *raised: type[Exception]) -> Any:
        began = time.monotonic()
        try:
            return work()
        except raised:
            raise
        except Exception as error:  # noqa: BLE001 - the test shows it
            self.errors.append(error)
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        return None

    def _count(self, key: str, total: int | None) -> None:
        """Whether *total* can be the sum now: each may have been counted once, and none twice."""
        least, most = self.acknowledged[key], self.acknowledged[key] + self.unknown[key]
        if total is not None and not (0 if self.loses else least) <= total <= most:
            self.wrong.append(f"{total} at {key}, where {least} to {most} are possible")


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """What *work* answers, in a list that is filled when the block has ended."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(_outcome(work)), daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        thread.join(PATIENCE)
    assert answers, "it hangs"


def asked(server: Server, *names: str) -> int:
    """How often a server was told these commands, done or refused."""
    stats = server.info("commandstats")
    return sum(_calls(stats.get(f"cmdstat_{name}", "")) for name in names)


def wait_until_asked_again(server: Server, *names: str, times: int = 2) -> Callable[[], None]:
    """Something that waits until *server* was told these commands *times* more than by now."""
    before = asked(server, *names)
    return lambda: until(
        lambda: asked(server, *names) >= before + times, f"{names}, said again", pause=0.005
    )


def _calls(stats: str) -> int:
    numbers = dict(part.split("=") for part in stats.split(",") if part)
    return sum(int(numbers.get(name, 0)) for name in ("calls", "rejected_calls"))


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the test shows it
        return error


def _login(who: User | None) -> str:
    return "" if who is None else f"{who.url.split('//')[1].rpartition('@')[0]}@"
