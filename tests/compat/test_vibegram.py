"""What VibeGram proves of its stores of sessions, as laws of ours, and where ours differ on
purpose."""

from __future__ import annotations

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

import storage
import storage.aio
import storage.aio.clients
import storage.aio.compat.vibegram
import storage.clients
import storage.compat.vibegram
from storage import (
    KEEP,
    MISSING,
    Capabilities,
    ClosedError,
    ConfigurationError,
    CorruptValueError,
    OutcomeUnknownError,
    StorageError,
    UnsupportedError,
)
from storage.compat.vibegram import RedisStoreParseError
from storage.core.clients import commands
from storage.memory.kv import MemoryBackend
from storage.testing import Bridge, Clock
from tests.contract.clients import InSeconds, Kept, Mixed, OneStep, TwoSteps
from tests.servers import Server

BLOCKING = storage.compat.vibegram
AIO = storage.aio.compat.vibegram
PREFIX = "vibegram:session:"
DAY_MS = 86_400_000


@pytest.fixture(params=[BLOCKING, AIO], ids=["blocking", "aio"])
def half(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drive() -> Iterator[Callable[[Any], Any]]:
    """Stores of both colours by plain calls, closed at the end."""
    with Bridge() as bridge:
        stores = []

        def driven(store: Any) -> Any:
            stores.append(bridge.driven(store))
            return stores[-1]

        yield driven
        for store in stores:
            store.close()


# Memory.


@pytest.fixture
def memory(half: Any, drive: Callable[[Any], Any], clock: Clock) -> Callable[..., Any]:
    return lambda *args, **options: drive(half.MemorySessionStore(*args, clock=clock, **options))


def test_a_session_that_is_set_is_there(memory: Callable[..., Any]) -> None:
    store = memory()
    store.set("1:2", {"counter": 1})

    assert store.get("1:2") == {"counter": 1}
    assert store.get("unknown") is None
    assert store.delete("1:2") is True
    assert (store.get("1:2"), store.delete("1:2")) == (None, False)


def test_a_session_is_a_copy(memory: Callable[..., Any]) -> None:
    """VibeGram hands out the object that was stored."""
    store = memory()
    session: dict[str, Any] = {"cart": []}
    store.set("1:2", session)
    session["cart"].append("tea")
    store.get("1:2")["cart"].append("milk")

    assert store.get("1:2") == {"cart": []}


@pytest.mark.parametrize("value", [0, "", False, None, [], {}])
def test_a_session_may_be_nothing_much(memory: Callable[..., Any], value: Any) -> None:
    store = memory()
    store.set("1:2", value)

    assert store.get("1:2", "missing") == value
    assert store.has("1:2") is True


def test_a_session_lives_for_a_day_after_each_set(memory: Callable[..., Any], clock: Clock) -> None:
    store = memory()
    store.set("1:2", {"n": 1})
    clock.tick(86_399)
    assert store.get("1:2") == {"n": 1}  # which does not begin it anew
    store.set("3:4", {"n": 1})
    clock.tick(1)

    assert store.get("1:2") is None
    assert store.get("3:4") == {"n": 1}
    assert store.touch("3:4") is True
    clock.tick(86_399)
    assert store.get("3:4") == {"n": 1}


def test_a_lifetime_may_be_told(memory: Callable[..., Any], clock: Clock) -> None:
    store = memory(ttl=0.001)
    store.set("1:2", {})
    store.set("3:4", {}, ttl=60)
    clock.tick(0.005)

    assert store.get("1:2") is None
    assert store.get("3:4") == {}


def test_the_least_recently_used_session_makes_room(memory: Callable[..., Any]) -> None:
    store = memory(2)
    store.set_many({"a": 1, "b": 2})
    assert store.get("a") == 1
    store.set("c", 3)
    assert sorted(store.keys()) == ["a", "c"]

    store.set("a", 4)
    store.set("d", 5)
    assert sorted(store.keys()) == ["a", "d"]
    assert store.size == 2


def test_there_is_room_for_ten_thousand_sessions(memory: Callable[..., Any]) -> None:
    store = memory()
    store.set_many({str(number): {} for number in range(10_001)})

    assert store.size == 10_000
    assert store.has("0") is False
    assert store.has("10000") is True


@pytest.mark.parametrize("most", [0, -1, 2.5, "5", None, True, float("inf")])
def test_a_bound_is_a_positive_integer(half: Any, most: Any) -> None:
    """Of 0, VibeGram makes 1."""
    with pytest.raises(ValueError, match="max_entries must be a positive integer"):
        half.MemorySessionStore(most)


def test_sessions_that_are_over_are_freed_and_counted(
    memory: Callable[..., Any], clock: Clock
) -> None:
    store = memory()
    store.set_many({f"over {number}": {} for number in range(1500)}, ttl=5)
    store.set("alive", {})
    assert store.cleanup_expired() == 0
    clock.tick(5)

    assert store.cleanup_expired() == 1500
    assert store.cleanup_expired() == 0
    assert store.size == 1


def test_what_is_over_is_not_counted(memory: Callable[..., Any], clock: Clock) -> None:
    store = memory(ttl=5)
    store.set_many({"a": 1, "b": 2})
    store.set("c", 3, ttl=50)
    clock.tick(5)

    assert store.size == 1


def test_a_closed_store_says_so(memory: Callable[..., Any]) -> None:
    store = memory()
    store.close()

    for use in (lambda: store.get("1:2"), lambda: store.size, store.cleanup_expired):
        with pytest.raises(ClosedError):
            use()


def test_a_closed_backend_is_not_swept(clock: Clock) -> None:
    """Whoever asked for its room before it was closed."""
    backend = MemoryBackend(clock)
    backend.close()

    for ask in (backend.sweep, backend.count):
        with pytest.raises(ClosedError):
            ask()


def test_no_thread_comes_with_a_store(half: Any) -> None:
    """VibeGram starts a timer, which only `close` ends."""
    before = threading.active_count()
    stores = [half.MemorySessionStore() for _ in range(3)]

    assert threading.active_count() == before
    assert [store.size for store in stores] == [0, 0, 0]


# Redis, by a client of somebody's own.


class InCamelCase(Kept):
    """Has one command of each kind, as clients in JavaScript spell them."""

    def pSetEx(self, key: str, ms: int, value: Any) -> None:  # noqa: N802 - as in JavaScript
        self.entries[key] = (value, self.now() + ms)

    def del_(self, key: str) -> None:
        self.entries.pop(key, None)


KINDS = [OneStep, TwoSteps, InSeconds, InCamelCase]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def thing(request: pytest.FixtureRequest, clock: Clock) -> Any:
    return request.param(clock)


@pytest.fixture
def by(half: Any, drive: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda thing, **options: drive(half.RedisSessionStore(thing, **options))


def test_a_session_is_json_under_its_key_for_a_day(
    by: Callable[..., Any], thing: Any, clock: Clock
) -> None:
    store = by(thing)
    store.set("1:2", {"counter": 1, "name": "é"})

    assert thing.entries == {f"{PREFIX}1:2": ('{"counter":1,"name":"é"}', clock.ms + DAY_MS)}
    assert store.get("1:2") == {"counter": 1, "name": "é"}
    assert store.delete("1:2") is True
    assert thing.entries == {}
    assert (store.get("1:2"), store.delete("1:2")) == (None, False)


def test_prefix_and_lifetime_may_be_told(by: Callable[..., Any], thing: Any, clock: Clock) -> None:
    store = by(thing, prefix="bot:", ttl=60)
    store.set("1:2", {})
    store.set("3:4", {}, ttl=30)
    store.namespace("carts").set("1:2", [])

    assert thing.entries == {
        "bot:1:2": ("{}", clock.ms + 60_000),
        "bot:3:4": ("{}", clock.ms + 30_000),
        "bot:carts:1:2": ("[]", clock.ms + 60_000),
    }


def test_every_set_renews_and_so_does_touch(
    by: Callable[..., Any], thing: Any, clock: Clock
) -> None:
    store = by(thing, ttl=60)
    store.set("1:2", {"n": 1})
    for renew in (lambda: store.set("1:2", {"n": 1}), lambda: store.touch("1:2")):
        clock.tick(30)
        renew()
        assert thing.entries == {f"{PREFIX}1:2": ('{"n":1}', clock.ms + 60_000)}
    assert store.touch("1:2", ttl=None) is True
    assert thing.entries == {f"{PREFIX}1:2": ('{"n":1}', None)}
    assert store.touch("unknown") is False


def test_a_client_that_knows_only_seconds_keeps_a_session_a_little_longer(
    by: Callable[..., Any], clock: Clock
) -> None:
    thing = InSeconds(clock)
    store = by(thing)
    for ttl, told in ((0.001, 1000), (1, 1000), (1.001, 2000)):
        store.set("1:2", {}, ttl=ttl)
        assert thing.entries[f"{PREFIX}1:2"][1] == clock.ms + told
    assert store.capabilities == Capabilities("process", 1000, iteration=False, durable=True)


def test_one_step_is_taken_where_there_is_one(by: Callable[..., Any], clock: Clock) -> None:
    class Both(OneStep):
        def set(self, key: str, value: Any) -> str:
            pytest.fail("not needed")

        def pexpire(self, key: str, ms: int) -> None:
            pytest.fail("not needed")

    thing = Both(clock)
    by(thing).set("1:2", {})

    assert thing.entries == {f"{PREFIX}1:2": ("{}", clock.ms + DAY_MS)}


def test_changes_keep_the_lifetime_where_the_client_can_tell_it(
    by: Callable[..., Any], thing: Any, clock: Clock
) -> None:
    """Where it can not, they renew it, as each write of VibeGram does."""
    store = by(thing, ttl=60)
    store.set("1:2", {"n": 1}, ttl=30)
    clock.tick(10)
    store.update("1:2", lambda session: {"n": session["n"] + 1})
    knows = isinstance(thing, (OneStep, TwoSteps))

    left = 20_000 if knows else 60_000
    assert thing.entries == {f"{PREFIX}1:2": ('{"n":2}', clock.ms + left)}


def test_when_a_session_ends_is_known_where_the_client_can_tell_it(
    half: Any, drive: Callable[[Any], Any], by: Callable[..., Any], clock: Clock
) -> None:
    home = storage if half is BLOCKING else storage.aio
    backend = home.clients.ClientBackend(commands(OneStep(clock), expires=True), clock)
    store = drive(home.Storage(backend, ttl=60))
    store.set("1:2", {})
    store.set("3:4", {}, ttl=None)

    assert round(store.expires_at("1:2").timestamp() * 1000) == clock.ms + 60_000
    assert store.expires_at("3:4") is None
    assert store.expires_at("5:6") is MISSING
    with pytest.raises(UnsupportedError, match="no pttl"):
        by(InSeconds(clock)).expires_at("1:2")


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (("get",), "no get"),
        (("set",), "no set"),
        (("delete",), "no delete"),
        (("get", "delete"), "no get, no delete"),
        (("psetex",), "no psetex, pexpire or expire"),
    ],
)
def test_what_a_client_lacks_is_said_before_anything_is_written(
    half: Any, clock: Clock, lacking: tuple[str, ...], words: str
) -> None:
    """VibeGram writes the value, and then says that there is no command for its lifetime."""

    class Lacking(OneStep):
        pass

    for name in lacking:
        setattr(Lacking, name, None)
    thing = Lacking(clock)

    with pytest.raises(ConfigurationError, match=f"Lacking is no client of Redis: it has {words}"):
        half.RedisSessionStore(thing)
    assert thing.entries == {}


@pytest.mark.parametrize("client", [None, 5, b"redis://localhost", {}, object()])
def test_what_is_no_client_is_refused(half: Any, client: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no client of Redis"):
        half.RedisSessionStore(client)


def test_for_ever_no_command_for_lifetimes_is_needed(by: Callable[..., Any], clock: Clock) -> None:
    class Plain(OneStep):
        psetex = None  # type: ignore[assignment]

    thing = Plain(clock)
    store = by(thing, ttl=None)
    store.set("1:2", {})

    assert thing.entries == {f"{PREFIX}1:2": ("{}", None)}
    with pytest.raises(UnsupportedError, match="nothing expires"):
        store.set("1:2", {"n": 1}, ttl=5)
    assert store.touch("1:2") is True
    assert store.get("1:2") == {}


@pytest.mark.parametrize("ttl", [0, -1, True, float("nan"), float("inf")])
def test_a_lifetime_is_checked_when_the_store_is_built(half: Any, clock: Clock, ttl: Any) -> None:
    """VibeGram checks it when something is written."""
    for make in (
        half.MemorySessionStore,
        lambda **told: half.RedisSessionStore(OneStep(clock), **told),
    ):
        with pytest.raises(ValueError, match="ttl"):
            make(ttl=ttl)


@pytest.mark.parametrize("option", [{"timeout": 5}, {"accept_retries": True}])
def test_options_of_redis_py_are_refused_for_another_client(
    half: Any, clock: Clock, option: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="client of redis-py"):
        half.RedisSessionStore(OneStep(clock), **option)


@pytest.mark.parametrize("raw", ["", "planted-secret", '{"a":', "NaN", b"\xff", "\udcff"])
def test_what_can_not_be_read_raises_and_stays(
    by: Callable[..., Any], thing: Any, raw: str | bytes
) -> None:
    """An empty string too; nothing of it is told."""
    thing.entries[f"{PREFIX}1:2"] = (raw, None)
    store = by(thing)

    for read in (store.get, lambda key: store.update(key, lambda value: value, default={})):
        with pytest.raises(RedisStoreParseError) as caught:
            read("1:2")
        error = caught.value
        assert (error.store_name, error.key) == ("session", "1:2")
        assert error.store == f"client {type(thing).__name__}"
        assert "secret" not in f"{error}{error!r}"
    assert store.has("1:2") is True
    assert thing.entries == {f"{PREFIX}1:2": (raw, None)}


def test_views_of_the_store_raise_the_same(by: Callable[..., Any], clock: Clock) -> None:
    thing = OneStep(clock)
    store = by(thing)
    thing.entries[f"{PREFIX}a:k"] = ("{", None)
    thing.entries[f"{PREFIX}k"] = ("1", None)

    with pytest.raises(RedisStoreParseError, match="no session can be read: it is not JSON"):
        store.namespace("a").get("k")
    with pytest.raises(storage.MismatchError):
        store.typed(str).get("k")
    assert store.typed(int).get("k") == 1


def test_the_error_is_one_in_both_halves_and_can_be_sent_elsewhere() -> None:
    assert AIO.RedisStoreParseError is BLOCKING.RedisStoreParseError
    error = RedisStoreParseError("session", "it is not JSON", store="client It", key="1:2")
    again = pickle.loads(pickle.dumps(error))

    assert isinstance(again, CorruptValueError)
    assert str(again) == "client It: key '1:2': no session can be read: it is not JSON"
    assert (again.store_name, again.reason, again.key) == ("session", "it is not JSON", "1:2")


@pytest.mark.parametrize("answer", [5, {"planted": "secret"}, [b"{}"], object()])
def test_an_answer_that_is_neither_text_nor_bytes_is_no_session(
    by: Callable[..., Any], clock: Clock, answer: Any
) -> None:
    thing = OneStep(clock)
    thing.entries[f"{PREFIX}1:2"] = (answer, None)

    with pytest.raises(CorruptValueError, match="neither text nor bytes") as caught:
        by(thing).get("1:2")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_a_session_too(by: Callable[..., Any], clock: Clock, kind: Any) -> None:
    thing = OneStep(clock)
    thing.entries[f"{PREFIX}1:2"] = (kind(b'{"n": 1}'), None)
    store = by(thing)

    assert store.get("1:2") == {"n": 1}
    assert store.swap("1:2", {"n": 1}, {"n": 2}) is True


@pytest.mark.parametrize("answer", ["1000", None, 10.5, True])
def test_an_answer_that_is_no_time_is_an_error(
    by: Callable[..., Any], clock: Clock, answer: Any
) -> None:
    class Odd(OneStep):
        def pttl(self, key: str) -> Any:
            return answer

    store = by(Odd(clock))
    store.set("1:2", {"n": 1})

    with pytest.raises(StorageError, match="which is no int"):
        store.set("1:2", {"n": 2}, ttl=KEEP)
    assert store.get("1:2") == {"n": 1}


def test_an_error_of_the_client_is_chained(by: Callable[..., Any], clock: Clock) -> None:
    class Broken(OneStep):
        def get(self, key: str) -> Any:
            raise LookupError("the secret of the client")

    with pytest.raises(StorageError) as caught:
        by(Broken(clock)).get("1:2")
    error = caught.value
    assert (error.store, error.key) == ("client Broken", f"{PREFIX}1:2")
    assert isinstance(error.__cause__, LookupError)
    assert "secret" not in str(error)


def test_a_lifetime_that_could_not_be_given_is_told(by: Callable[..., Any], clock: Clock) -> None:
    """In two steps, the value may be there without one."""

    class Broken(TwoSteps):
        def pExpire(self, key: str, ms: int) -> bool:  # noqa: N802 - as in JavaScript
            raise ConnectionError

    thing = Broken(clock)
    with pytest.raises(OutcomeUnknownError, match="its lifetime may not be") as caught:
        by(thing).set("1:2", {})
    assert caught.value.key == f"{PREFIX}1:2"
    assert thing.entries == {f"{PREFIX}1:2": ("{}", None)}


def test_a_task_that_is_cancelled_between_the_steps_takes_both(clock: Clock) -> None:
    class Slow(TwoSteps):
        async def set(self, key: str, value: Any) -> str:  # type: ignore[override]
            super().set(key, value)
            written.set()
            await asyncio.sleep(0)
            return "OK"

    thing = Slow(clock)
    written = asyncio.Event()

    async def run() -> None:
        task = asyncio.ensure_future(AIO.RedisSessionStore(thing).set("1:2", {}))
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert thing.entries == {f"{PREFIX}1:2": ("{}", clock.ms + DAY_MS)}


def test_commands_of_both_colours_serve_tasks(drive: Callable[[Any], Any], clock: Clock) -> None:
    thing = Mixed(clock)
    store = drive(AIO.RedisSessionStore(thing))
    store.set("1:2", {"n": 1})

    assert store.update("1:2", lambda session: {"n": session["n"] + 1}) == {"n": 2}
    assert thing.entries == {f"{PREFIX}1:2": ('{"n":2}', clock.ms + DAY_MS)}
    with pytest.raises(TypeError, match="coroutine"):
        BLOCKING.RedisSessionStore(thing)


def test_an_answer_that_wants_to_be_awaited_is_for_the_other_half(clock: Clock) -> None:
    class Later:
        def __await__(self) -> Iterator[None]:
            yield

    class Hidden(OneStep):
        def get(self, key: str) -> Any:
            return Later()

    store = BLOCKING.RedisSessionStore(Hidden(clock))

    with pytest.raises(UnsupportedError, match=r"storage\.aio"):
        store.get("1:2")


def test_the_client_stays_open(half: Any, drive: Callable[[Any], Any], clock: Clock) -> None:
    class Closable(OneStep):
        def close(self) -> None:
            pytest.fail("it is the caller's")

        aclose = quit = close

    thing = Closable(clock)
    store = drive(half.RedisSessionStore(thing))
    store.set("1:2", {})
    store.close()

    with pytest.raises(ClosedError):
        store.get("1:2")
    assert thing.get(f"{PREFIX}1:2") == "{}"


def test_keys_are_not_listed_by_such_a_client(by: Callable[..., Any], thing: Any) -> None:
    store = by(thing)
    store.set("1:2", {})

    assert store.capabilities.iteration is False
    for walk in (store.keys, store.values, store.items):
        with pytest.raises(UnsupportedError, match="client of redis-py lists them"):
            list(walk())
    with pytest.raises(UnsupportedError, match="client of redis-py lists them"):
        store.clear()
    assert store.get("1:2") == {}


# Redis, by redis-py.


def test_a_client_of_redis_py_gives_all_that_a_store_has(
    half: Any, drive: Callable[[Any], Any], valkey: Server
) -> None:
    library = redis if half is BLOCKING else redis.asyncio
    store = drive(half.RedisSessionStore(library.Redis(port=valkey.port)))
    try:
        store.set_many({"1:2": {"n": 1}, "3:4": {}})

        assert store.capabilities == Capabilities("shared", 1, iteration=True, durable=True)
        assert dict(store.items()) == {"1:2": {"n": 1}, "3:4": {}}
        assert DAY_MS - 5000 < valkey.call("PTTL", f"{PREFIX}1:2") <= DAY_MS
        assert store.clear() == 2
    finally:
        valkey.call("FLUSHALL")
