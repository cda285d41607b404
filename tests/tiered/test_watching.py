"""Copies of what is on a server: it tells what changes, and while it does not, no copy is read."""

from __future__ import annotations

import gc
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from time import monotonic
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
from storage import UnavailableError
from storage.redis import changes
from storage.redis.changes import WITHIN
from storage.testing import Bridge
from tests.day import by_turns
from tests.fault import faults
from tests.fault.ground import Crew, together, until
from tests.fault.proxy import Proxy
from tests.fault.redis.ground import clients, url
from tests.house.tree import ROOT
from tests.servers import Server, user
from tests.servers.fixtures import KINDS
from tests.servers.tls import Certificates
from tests.tiered.conftest import Open, Over
from tests.tiered.ground import Strike, Tier

pytestmark = pytest.mark.timed

Other = storage.Storage[Any]
LONG = 10**6
PAGE = (ROOT / "docs" / "guide" / "deployment.md").read_text(encoding="utf-8")
LINE = re.findall(r"^ACL SETUSER .*~storage:\*.*$", PAGE, re.MULTILINE)[0]
MORE = re.findall(r"^\| copies are kept near at hand \| `(.*)` besides \|$", PAGE, re.MULTILINE)[0]
RULES = [*LINE.split()[4:], *MORE.replace("\\|", "|").split()]
TRACKING = "flags=t"


@pytest.fixture
def tier(opened: Open, over: Over, proxy: Proxy, other: Other) -> Tier:
    """Behind a proxy, with a copy of what another store has written."""
    other.set("k", 1)
    tier = over(opened("RedisStorage", url(proxy, timeout=0.2, protocol=2)), ttl=LONG).heard()
    assert tier.store.get("k") == 1
    assert tier.has_copy("k")
    return tier


def told(tier: Tier, other: Other) -> None:
    """Wait until the server has told all that has changed so far."""
    other.set("probe", 1)
    until(lambda: tier.has_copy("probe"), "a copy")
    other.set("probe", 2)
    until(lambda: tier.store.get("probe") == 2, "what was written last")


@pytest.mark.parametrize(("half", "kind"), by_turns(KINDS))
def test_what_another_process_writes_is_seen(
    half: Any, kind: str, bridge: Bridge, over: Over, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue(kind)
    base = half.RedisStorage(server.url, prefix="bot*[1]:")
    with storage.RedisStorage(server.url, prefix="bot*[1]:") as other:
        tier = over(base, ttl=LONG).heard()
        changes: list[Callable[[], object]] = [
            lambda: other.set("k", "\u00e9"),
            lambda: other.incr("n"),
            lambda: other.set_many({"k": 2, "n": 2}),
            lambda: other.touch("k", ttl=60),
            lambda: other.delete("k"),
            lambda: server.call("FLUSHALL"),
        ]
        for change in changes:
            before = tier.store.get_many(["k", "n"])
            assert tier.store.get_many(["k", "n"]) == before
            change()
            until(lambda: tier.store.get_many(["k", "n"]) == other.get_many(["k", "n"]))
    server.call("FLUSHALL")
    bridge.driven(base).close()


def test_a_copy_is_read_without_asking_anybody(tier: Tier, proxy: Proxy, valkey: Server) -> None:
    with valkey.counted() as calls:
        for _ in range(100):
            assert tier.store.get("k") == 1
            assert tier.store.get_many(["k"]) == {"k": 1}
            assert tier.store.has("k")

    assert set(calls.names) <= {"PING"}


def test_what_is_not_there_is_asked_for(tier: Tier, other: Other) -> None:
    assert tier.store.get("absent") is None
    other.set("absent", 1)

    assert tier.store.get("absent") == 1


def test_an_entry_costs_one_trip_with_its_end(
    tier: Tier, other: Other, valkey: Server, proxy: Proxy
) -> None:
    other.set("l", 1, ttl=60)
    told(tier, other)
    before = proxy.trips
    pings = proxy.commands.count("PING")
    assert tier.store.get("l") == 1
    trips = proxy.trips - before - (proxy.commands.count("PING") - pings)

    assert trips == 1
    tier.passed += 59
    assert other.get("l") == 1
    tier.heard()
    assert tier.has_copy("l")
    tier.passed += 1
    tier.heard()
    assert not tier.has_copy("l")


@pytest.mark.parametrize("count", [2, 12])
def test_several_entries_cost_one_trip_with_their_ends(
    count: int, tier: Tier, other: Other, proxy: Proxy
) -> None:
    names = [f"several:{number}" for number in range(count)]
    tier.store.get_many([f"absent:{number}" for number in range(count)])
    for number, name in enumerate(names):
        other.set(name, number, ttl=100 * number or None)
    told(tier, other)
    before = proxy.trips - proxy.commands.count("PING")
    asked = len(proxy.commands) - proxy.commands.count("PING")
    found = tier.store.get_many([*names, "absent"])
    trips = proxy.trips - proxy.commands.count("PING") - before

    assert found == {name: number for number, name in enumerate(names)}
    assert trips == 1
    assert len(proxy.commands) - proxy.commands.count("PING") - asked <= 5
    kept = [tier.near.entries[f"storage:{name}"] for name in names]
    lasting = [one.until - one.since for one in kept]
    assert lasting[0] == LONG
    for number in range(1, count):
        assert 100 * number - 50 < lasting[number] <= 100 * number


def test_nothing_is_read_from_copies_when_nobody_tells(
    tier: Tier, other: Other, proxy: Proxy
) -> None:
    proxy.refuse()
    proxy.cut()
    other.set("k", 2)
    until(lambda: not tier.near.watched, "the end of the connection")
    with pytest.raises(UnavailableError):
        tier.store.get("k")

    proxy.mend()
    until(lambda: tier.heard().store.get("k") == 2)
    assert tier.has_copy("k")


def test_a_client_that_is_killed_begins_anew(tier: Tier, other: Other, valkey: Server) -> None:
    for number in range(3):
        before = valkey.call("CLIENT", "LIST")
        ids = [line.split()[0][3:] for line in before.decode().splitlines() if TRACKING in line]
        assert len(ids) == 1
        valkey.call("CLIENT", "KILL", "ID", ids[0])
        other.set("k", number)
        until(lambda: tier.store.get("k") == number)  # noqa: B023 - it is over before the next
        tier.heard()
        assert tier.store.get("k") == number


def test_who_is_not_told_for_sure_reads_no_copy(tier: Tier, other: Other, proxy: Proxy) -> None:
    """A server that says nothing looks like one where nothing changes."""
    proxy.always(faults.Blackhole(), "PING")
    until(lambda: tier.near.sure < tier.near.clock() + WITHIN - 0.6)
    tier.passed += WITHIN
    before = tier.info.hits
    proxy.always(faults.Blackhole(), "CLIENT", handshake=True)

    assert tier.store.get("k") == 1
    assert tier.info.hits == before
    until(lambda: not tier.near.watched, "that it is noticed")

    proxy.mend()
    tier.heard()


def test_what_was_overtaken_by_a_change_is_not_kept(tier: Tier, other: Other, proxy: Proxy) -> None:
    other.set("slow", 1)
    told(tier, other)
    proxy.next(faults.Delay(reply=0.15), "PTTL")
    before = proxy.commands.count("PTTL")
    crew = Crew(lambda: tier.store.get("slow"))
    until(lambda: proxy.commands.count("PTTL") > before, "a read on its way")
    other.set("slow", 2)
    crew.join()

    assert tier.store.get("slow") == 2


def test_what_a_server_refuses_to_tell_is_not_kept_for_long(
    opened: Open,
    over: Over,
    valkey: Server,
    other: Other,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "storage")
    rules = ("~storage:*", "+get", "+mget", "+pttl", "+ping")
    with user(valkey, "bot", "hunter2", *rules) as bot:
        other.set("k", 1)
        tier = over(opened("RedisStorage", bot.url), ttl=LONG)
        until(lambda: tier.has_copy("k"), "a copy")
        assert not tier.info.watched
        other.set("k", 2)

        assert tier.store.get("k") == 1
        tier.passed += WITHIN
        assert tier.store.get("k") == 2
        assert "at the most" in caplog.text
        assert "hunter2" not in caplog.text
        tier.store.close()


def test_what_a_server_goes_on_refusing_is_said_once(
    opened: Open,
    over: Over,
    valkey: Server,
    other: Other,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "REFUSED_SECONDS", 0.02)
    caplog.set_level(logging.WARNING, "storage")
    rules = ("~storage:*", "+get", "+mget", "+pttl", "+ping")
    with user(valkey, "bot", "hunter2", *rules) as bot:
        tier = over(opened("RedisStorage", bot.url), ttl=LONG)
        before = refused(valkey)

        def is_refused_again() -> bool:
            tier.store.get("k")
            return refused(valkey) > before + 3

        until(is_refused_again)
        assert caplog.text.count("at the most") == 1
        tier.store.close()


def refused(server: Server) -> int:
    """How often it has refused to tell."""
    found = re.search(
        rb"cmdstat_client\|tracking:.*rejected_calls=(\d+)", server.call("INFO", "commandstats")
    )
    return 0 if found is None else int(found[1])


def test_with_the_rights_of_the_guide_it_is_told(
    opened: Open, over: Over, valkey: Server, other: Other
) -> None:
    with user(valkey, "bot", "hunter2", *RULES) as bot:
        tier = over(opened("RedisStorage", bot.url), ttl=LONG).heard()
        other.set("k", 1)
        until(lambda: tier.store.get("k") == 1)
        other.set("k", 2)
        until(lambda: tier.store.get("k") == 2)
        tier.store.close()


class Traced(redis.Redis):
    """It runs commands in a way of its own."""

    def execute_command(self, *words: Any, **options: Any) -> Any:
        return super().execute_command(*words, **options)


class TracedInTasks(redis.asyncio.Redis):
    async def execute_command(self, *words: Any, **options: Any) -> Any:
        return await super().execute_command(*words, **options)


@pytest.fixture
def strange(half: Any, bridge: Bridge, valkey: Server) -> Iterator[Any]:
    """A client whose settings can not be read."""
    client: Any = (Traced if half is storage else TracedInTasks)(port=valkey.port)
    yield client
    bridge.call(client.close if half is storage else client.aclose)


def test_a_client_that_connects_by_itself_is_not_told(
    opened: Open, over: Over, other: Other, strange: Any
) -> None:
    other.set("k", 1)
    tier = over(opened("RedisStorage", strange, accept_retries=True), ttl=LONG)
    until(lambda: tier.has_copy("k"), "a copy")
    other.set("k", 2)

    assert not tier.info.watched
    tier.passed += WITHIN
    assert tier.store.get("k") == 2


class Vault(redis.CredentialProvider):
    """Sealed, it raises what no connection does."""

    is_sealed = False

    def get_credentials(self) -> tuple[str, str]:
        if self.is_sealed:
            raise RuntimeError("hunter2")
        return ("default", "")


def test_it_goes_on_when_a_connection_raises_anything(
    half: Any,
    bridge: Bridge,
    over: Over,
    valkey: Server,
    other: Other,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vault = Vault()
    kind: Any = redis.Redis if half is storage else redis.asyncio.Redis
    client = kind(port=valkey.port, credential_provider=vault)
    base = half.RedisStorage(client, accept_retries=True)
    tier = over(base, ttl=LONG)
    tier.base.set("k", 1)
    vault.is_sealed = True

    def is_said() -> bool:
        assert tier.store.get("k") == 1
        return "it is not told what changes" in caplog.text

    until(is_said)
    assert "hunter2" not in caplog.text
    assert caplog.text.count("it is not told") == 1
    vault.is_sealed = False
    tier.heard()
    tier.store.close()
    bridge.driven(base).close()
    bridge.call(client.close if half is storage else client.aclose)


def test_it_is_told_over_tls(
    half: Any, over: Over, bridge: Bridge, valkey: Server, other: Other, certificates: Certificates
) -> None:
    with Proxy(valkey.address, certificates.right) as proxy:
        base = half.RedisStorage(f"{proxy.url}?ssl_ca_certs={certificates.ca}")
        tier = over(base, ttl=LONG).heard()
        other.set("k", "x" * 100_000)
        until(lambda: tier.has_copy("k"))
        other.set("k", 2)
        until(lambda: tier.store.get("k") == 2)
        tier.store.close()
        bridge.driven(base).close()


def test_nothing_is_left_of_it_when_it_is_closed(
    opened: Open, over: Over, valkey: Server, other: Other
) -> None:
    tier = over(opened("RedisStorage", url(valkey)), ttl=LONG).heard()
    assert clients(valkey, TRACKING) == 1

    tier.store.close()

    until(lambda: clients(valkey, TRACKING) == 0)
    assert not [one for one in threading.enumerate() if one.name == "storage listener"]
    assert tier.base.get("k") is None


def test_nor_when_nobody_holds_it_any_more(
    half: Any, bridge: Bridge, valkey: Server, other: Other
) -> None:
    base = half.RedisStorage(url(valkey))
    tier = Tier(half, bridge, base, {}).heard()
    assert clients(valkey, TRACKING) == 1

    tier.near.clock = monotonic  # which does not hold it
    del tier
    bridge.driven(base).get("k")  # or the bridge remembers what it was asked last
    gc.collect()

    until(lambda: clients(valkey, TRACKING) == 0)
    bridge.driven(base).close()


def test_when_its_base_is_closed_nobody_listens(
    opened: Open, over: Over, valkey: Server, other: Other
) -> None:
    tier = over(opened("RedisStorage", url(valkey)), ttl=LONG).heard()

    tier.base.close()

    until(lambda: clients(valkey, TRACKING) == 0)


def test_threads_read_what_was_written_last(
    opened: Open, over: Over, valkey: Server, other: Other
) -> None:
    tier = over(opened("RedisStorage", valkey.url), max=5, ttl=LONG).heard()
    seen: list[str] = []

    def work(name: str) -> None:
        for number in range(150):
            tier.store.set(name, number)
            for other_name in "abcdef":
                tier.store.get(other_name)
            if tier.store.get(name) != number:
                seen.append(f"{name} of {number}")

    Crew(*(lambda name=name: work(name) for name in "abcdef")).join()  # type: ignore[misc]

    assert not seen
    assert tier.info.kept <= 5


def test_a_handler_that_strikes_while_it_is_begun_to_listen_reads(
    valkey: Server, other: Other
) -> None:
    other.set("k", 1)

    def work() -> None:
        with storage.RedisStorage(valkey.url) as base:
            for number in count():
                tiered = storage.tiered(base)
                seen: list[Any] = []
                strike = Strike(
                    "redis/tracking.py",
                    number,
                    lambda: seen.append(tiered.get("k")),  # noqa: B023
                )
                struck = strike.run(lambda: tiered.get("k"))  # noqa: B023
                assert seen == [1] * struck
                assert listeners() <= 1
                tiered.close()
                if not struck:
                    break
            assert number > 10

    together(work)


# What was made in the very step that is struck is closed when it is collected, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_it_is_begun_to_listen_leaves_it_to_the_next_read(
    valkey: Server, other: Other
) -> None:
    """At no step are the copies lost for good, or is there a thread that nobody ends."""
    other.set("k", 1)

    with storage.RedisStorage(url(valkey)) as base, Bridge() as bridge:
        for number in count():
            tier = Tier(storage, bridge, base, {})
            strike = Strike("redis/tracking.py", number, interrupted)
            with suppress(KeyboardInterrupt):
                strike.run(lambda: tier.made.get("k"))  # noqa: B023
            tier.heard()
            tier.store.close()
            until(lambda: listeners() == 0, "the end of all threads")
            if not strike.has_struck:
                break
        gc.collect()

    assert number > 100


class Trickler:
    """A server that begins to answer when it is asked to tell, and never ends."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._door.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._door.accept()
                threading.Thread(target=self._answer, args=(caller,), daemon=True).start()

    def _answer(self, caller: socket.socket) -> None:
        with suppress(OSError), caller:
            while said := caller.recv(65536):
                if self._word not in said:
                    caller.sendall(
                        b"%1\r\n$5\r\nproto\r\n:3\r\n" if b"HELLO" in said else b"+OK\r\n"
                    )
                    continue
                caller.sendall(b">2\r\n$10\r\ninvalidate\r\n*100000\r\n")
                while True:
                    caller.sendall(b"$1\r\na\r\n")
                    time.sleep(0.02)


@pytest.mark.parametrize("word", [b"HELLO", b"TRACKING"])
def test_a_server_that_answers_for_ever_keeps_no_thread(word: bytes) -> None:
    with closing(Trickler(word)) as server, storage.RedisStorage(server.url) as base:
        tiered: Any = storage.tiered(base)
        room = tiered._backend._room
        room._watch.begin(room._near)
        time.sleep(0.1)
        assert listeners() == 1

        tiered.close()

        until(lambda: listeners() == 0, "the end of the thread", seconds=1)


def test_what_is_shut_under_a_listener_is_opened_anew(
    opened: Open, over: Over, valkey: Server, other: Other
) -> None:
    tier = over(opened("RedisStorage", url(valkey)), ttl=LONG).heard()

    tier.near.shut()

    tier.heard()


def interrupted() -> None:
    raise KeyboardInterrupt


def test_who_sees_that_servers_have_moved_has_it_told_again(valkey: Server, other: Other) -> None:
    """The listener may come at any step, and have begun anew before the next."""
    with storage.RedisStorage(url(valkey)) as base, Bridge() as bridge:
        tier = Tier(storage, bridge, base, {}).heard()
        ear = tier.made._backend._room._watch._watch._ear

        def comes() -> None:
            if ear._is_astray:
                ear._ring()
                until(lambda: not ear._is_astray and tier.near.watched)

        for number in range(30):
            struck = Strike("redis/tracking.py", number, comes).run(ear.look_about)
            until(lambda: tier.near.watched and not ear._is_astray, seconds=5)
        assert struck
        tier.store.close()


def listeners() -> int:
    return sum(one.name == "storage listener" for one in threading.enumerate())
