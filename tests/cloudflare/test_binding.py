"""A store over the binding of a Worker, whatever language that answers in."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import storage
import storage.aio
from storage import (
    MISSING,
    AccessDeniedError,
    ClosedError,
    ConfigurationError,
    InvalidKeyError,
    OutcomeUnknownError,
    StorageError,
    UnavailableError,
    UnstorableError,
    UnsupportedError,
)
from storage.cloudflare.bindings import AT_ONCE, told_of
from storage.cloudflare.entries import Held
from storage.testing import Bridge, Clock
from tests.cloudflare.binding import BINDINGS, JsException, Least, Namespace, Whole
from tests.media.ground import GONE, BadRequest, message
from tests.waiting import until

pytestmark = pytest.mark.timed

Opened = Callable[..., Any]

SECRET = "tulip bulbs"
BUSY = "Error: KV PUT failed: 429 Too Many Requests"
DOWN = "Error: KV PUT failed: 503 Service Unavailable"
SHORTLY = 0.8
"""How long a call takes that can not succeed."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def namespace(clock: Clock) -> Namespace:
    return Namespace(clock)


@pytest.fixture
def opened(namespace: Namespace, clock: Clock) -> Iterator[Opened]:
    """Makes stores over a binding, which are used by plain calls and closed at the end."""
    with Bridge() as bridge:
        made: list[Any] = []

        def opened(binding: Any = None, **options: Any) -> Any:
            binding = Whole(namespace) if binding is None else binding
            store = storage.aio.CloudflareStorage(binding, clock=clock, **options)
            made.append(bridge.driven(store))
            return made[-1]

        yield opened
        for store in made:
            store.close()


@pytest.fixture(params=BINDINGS)
def store(request: pytest.FixtureRequest, namespace: Namespace, opened: Opened) -> Any:
    """A store over a binding of each manner."""
    return opened(BINDINGS[request.param](namespace))


def shown(error: BaseException) -> str:
    return f"{error} {error!r} {error.__cause__}"


def test_what_is_kept_comes_back_from_every_binding(store: Any, clock: Clock) -> None:
    values = {"a": 1, "b": None, "c": {"emoji": "🦀", "nul": "\0"}, "d": "", "42": []}
    store.set_many(values)

    assert store.get_many([*values, "other"]) == values
    assert {key: store.get(key) for key in values} == values
    assert dict(store.items()) == values
    assert not store.has("other")
    assert store.delete("a")
    assert not store.delete("a")
    assert store.delete_many(["b", "c", "a"]) == 2
    assert set(store.keys()) == {"d", "42"}
    assert store.clear(everything=True) == 2
    assert list(store.keys()) == []


def test_what_ends_is_absent_before_the_service_lets_it_end(
    store: Any, clock: Clock, namespace: Namespace
) -> None:
    store.set("k", 1, ttl=1.5)
    assert store.expires_at("k") == clock.now + timedelta(milliseconds=1500)

    clock.tick(1.499)
    assert store.get("k") == 1

    clock.tick(0.001)
    assert namespace.stored()
    assert store.get("k", MISSING) is MISSING
    assert store.get_many(["k", "l"]) == {}
    assert not store.has("k")
    assert store.expires_at("k") is MISSING
    assert not store.delete("k")
    assert list(store.keys()) == list(store.items()) == []


def test_a_short_life_is_kept_for_as_long_as_the_service_wants(
    opened: Opened, clock: Clock, namespace: Namespace
) -> None:
    store = opened()
    store.set("short", 1, ttl=1)
    store.set("long", 1, ttl=90.2)
    store.set("ever", 1)
    ends = {name: one.expiration for name, one in namespace.stored().items()}

    now = int(clock())
    assert ends["short"] == now + 60
    assert clock() + 90.2 <= ends["long"] <= clock() + 92.2
    assert ends["ever"] is None


def test_it_tells_when_an_entry_ends_that_somebody_else_has_written(
    store: Any, clock: Clock, namespace: Namespace
) -> None:
    namespace.do("put", "k", "1", {"expirationTtl": 90})
    namespace.do("put", "k:2", "1", {"expirationTtl": 900})
    store.set("ours", 1)

    ends = store.expires_at("k")
    assert ends.timestamp() == int(clock()) + 90
    assert store.expires_at("ours") is None
    assert store.expires_at("other") is MISSING


class Late(Whole):
    """Its lists leave out a key for a while."""

    async def list(self, **options: Any) -> Any:
        found = await super().list(**options | {"limit": 2})
        return found | {"keys": [one for one in found["keys"] if one["name"] != "k"]}


def test_an_entry_that_no_list_shows_yet_is_not_given_the_end_of_another(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(Late(namespace))
    store.set("k", 1)
    store.set("k:2", 1, ttl=90)

    assert store.expires_at("k") is None


def test_metadata_come_back_as_they_were_given(store: Any, namespace: Namespace) -> None:
    metadata = {"a": {"b": [1, None, True, 0.5, "é"]}, "n": None, "ms": 1_785_000_000_000}
    store.set_with_metadata("k", "v", metadata, ttl=60)
    store.set("l", "v")
    namespace.do("put", "m", '"v"', {"metadata": "a word"})

    assert store.get_with_metadata("k") == ("v", metadata)
    assert dict(store.keys_with_metadata()) == {"k": metadata, "l": None, "m": "a word"}
    assert store.get_with_metadata("m") == ("v", "a word")
    assert store.get_with_metadata("other", 0) == (0, None)


def test_ids_of_files_that_were_sent_are_kept_there(
    store: Any, namespace: Namespace, clock: Clock
) -> None:
    """Though nothing is looked at and changed in one step there."""
    files: list[Any] = []

    def call(file: Any) -> dict[str, Any]:
        files.append(file)
        if file == "id 1":
            raise BadRequest(GONE)
        return message("photo", f"id {len(files)}")

    with Bridge() as bridge:
        base = store._thing
        media = bridge.driven(storage.aio.MediaCache(base, bot="support", ttl=3600))
        for _ in range(3):
            media.send("photo", b"a cat", call)

        assert files == [b"a cat", "id 1", b"a cat", "id 3"]
        assert media.get("photo", b"a cat") == "id 3"
        clock.tick(3601)
        assert media.get("photo", b"a cat") is None


@pytest.mark.parametrize("manner", BINDINGS)
def test_bytes_that_are_no_text_come_back(namespace: Namespace, clock: Clock, manner: str) -> None:
    long = ["the same words"] * 500
    with Bridge() as bridge:
        base = storage.aio.CloudflareStorage(BINDINGS[manner](namespace), clock=clock)
        store = bridge.driven(storage.aio.compressed(base))
        store.set("k", long)

        assert namespace.stored()["k"].metadata == {"~base64": True}
        assert store.get("k") == long
        assert list(store.values()) == [long]


def test_all_keys_are_listed_however_many_there_are(store: Any, namespace: Namespace) -> None:
    for number in range(1005):
        namespace.do("put", f"k{number:04}", "1", {})
    namespace.do("put", "l", "1", {})
    namespace.asked()

    assert list(store.keys("k")) == [f"k{number:04}" for number in range(1005)]
    assert len(namespace.asked()) == 2


def test_reading_asks_once_for_each_key(opened: Opened, namespace: Namespace) -> None:
    store = opened()
    store.set_many({"a": 1, "b": 2})
    namespace.asked()

    store.get("a")
    assert namespace.asked() == ["tell a"]
    store.get_many(["a", "b", "c", "a"])
    assert sorted(namespace.asked()) == ["tell a", "tell b", "tell c"]


def test_a_binding_that_tells_no_metadata_is_asked_for_a_list_where_something_is_there(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(Least(namespace))
    store.set("a", 1)
    store.set("ab", 1)
    namespace.asked()

    assert store.get("a") == 1
    assert namespace.asked() == ["get a", "list a"]
    assert store.get("b") is None
    assert namespace.asked() == ["get b"]


def test_no_more_is_asked_at_once_than_a_worker_has_connections(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened()
    keys = [f"k{number}" for number in range(40)]
    store.set_many(dict.fromkeys(keys, 1))
    written = namespace.most_waiting
    found = store.get_many(keys)

    assert found == dict.fromkeys(keys, 1)
    assert written == namespace.most_waiting == AT_ONCE
    assert store.delete_many(keys) == 40
    assert namespace.most_waiting == AT_ONCE


@pytest.mark.parametrize("method", ["tell", "put", "list", "delete"])
@pytest.mark.parametrize(
    "error",
    [
        BUSY,
        DOWN,
        "Error: KV GET failed: 408 Request Timeout",
        "Error: Network connection lost.",
        "Error: internal error; reference = 1a2b",
        ConnectionResetError(),
    ],
    ids=str,
)
def test_what_passes_is_asked_again(
    opened: Opened, namespace: Namespace, method: str, error: Any
) -> None:
    store = opened()
    store.set("a", 1)
    namespace.fault(error, method, times=2)

    store.set("b", 2)
    assert store.get("b") == 2
    assert sorted(store.keys()) == ["a", "b"]
    assert store.delete("b")
    assert set(namespace.stored()) == {"a"}


def test_what_was_never_taken_is_unavailable(opened: Opened, namespace: Namespace) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(BUSY, times=math.inf)

    for call in (lambda: store.set("k", SECRET), lambda: store.delete("k"), lambda: store.get("k")):
        with pytest.raises(UnavailableError, match="429") as caught:
            call()
        assert isinstance(caught.value.__cause__, JsException)
        assert caught.value.key == "k"
        assert SECRET not in shown(caught.value)
    assert len(namespace.asked()) > 3


def test_a_write_that_may_have_been_applied_is_not_called_unavailable(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(DOWN, "put", applied=True, times=math.inf)

    with pytest.raises(OutcomeUnknownError, match="503"):
        store.set("k", 1)
    assert namespace.stored()


def test_a_refusal_does_not_hide_that_an_earlier_try_may_have_been_applied(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(DOWN, "put", applied=True)
    namespace.fault(BUSY, "put", times=math.inf)

    with pytest.raises(OutcomeUnknownError, match="429"):
        store.set("k", 1)


def test_a_read_that_fails_is_unavailable(opened: Opened, namespace: Namespace) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(DOWN, times=math.inf)

    for call in (lambda: store.get("k"), lambda: list(store.keys())):
        with pytest.raises(UnavailableError, match="503"):
            call()


def test_of_several_writes_some_may_be_applied_when_one_is_not(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(BUSY, "put", name="b", times=math.inf)

    with pytest.raises(OutcomeUnknownError, match="some of 2 entries"):
        store.set_many({"a": 1, "b": 2})
    assert set(namespace.stored()) == {"a"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("Error: KV PUT failed: 403 no", AccessDeniedError),
        ("Error: KV PUT failed: 413 no", StorageError),
        ("Error: KV put() limit exceeded for the day.", OutcomeUnknownError),
        ("Error: what nobody knows", OutcomeUnknownError),
        (DOWN, OutcomeUnknownError),
    ],
)
def test_whatever_ends_several_writes_it_is_said_that_others_may_be_applied(
    opened: Opened, namespace: Namespace, error: str, kind: type[StorageError]
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(error, "put", name="b", times=math.inf)
    namespace.fault(error, "delete", name="b", times=math.inf)

    with pytest.raises(StorageError, match="some of 2 entries may be changed") as caught:
        store.set_many({"a": 1, "b": 2})
    assert type(caught.value) is kind
    assert caught.value.key == "b"
    assert set(namespace.stored()) == {"a"}
    with pytest.raises(kind, match="some of 2 entries may be changed"):
        store.delete_many(["a", "b"])
    assert namespace.stored() == {}


def test_a_part_is_told_whatever_error_of_ours_a_binding_raises(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened()
    error = UnstorableError("$.a", "it does not take that")
    namespace.fault(error, "put", name="b")

    with pytest.raises(StorageError, match="some of 2 entries may be changed") as caught:
        store.set_many({"a": 1, "b": 2})
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("method", ["tell", "list"])
def test_a_read_without_an_answer_ends_in_time(
    opened: Opened, namespace: Namespace, method: str
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(None, method, times=math.inf)

    with pytest.raises(UnavailableError, match="did not answer in time"):
        store.get("k") if method == "tell" else list(store.keys())
    until(lambda: namespace.cancelled == 1, "the end of the call")


def test_a_write_without_an_answer_may_have_been_applied(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(None, "put")

    with pytest.raises(OutcomeUnknownError, match="did not answer in time"):
        store.set("k", 1)


def test_one_deadline_is_for_all_that_a_call_asks(opened: Opened, namespace: Namespace) -> None:
    store = opened(timeout=SHORTLY)
    namespace.fault(None, "tell", times=math.inf)

    with pytest.raises(UnavailableError):
        store.get_many([f"k{number}" for number in range(3 * AT_ONCE)])
    until(lambda: namespace.waiting == 0, "the end of the calls")
    assert namespace.cancelled <= AT_ONCE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Error: KV put() limit exceeded for the day.", "has for a day"),
        ("Error: Too many API requests by single worker invocation.", "one request to a Worker"),
        ("Error: Too many subrequests by single Worker invocation.", "one request to a Worker"),
    ],
)
def test_what_will_not_pass_in_time_is_given_up_at_once(
    opened: Opened, namespace: Namespace, text: str, words: str
) -> None:
    store = opened()
    namespace.fault(text, times=math.inf)

    with pytest.raises(UnavailableError, match=words):
        store.set("k", 1)
    assert namespace.asked() == ["put k"]


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_is_told_so(opened: Opened, namespace: Namespace, status: int) -> None:
    store = opened()
    namespace.fault(f"Error: KV GET failed: {status} no", times=math.inf)

    with pytest.raises(AccessDeniedError, match=str(status)):
        store.get("k")
    assert len(namespace.asked()) == 1


def test_a_failure_ends_the_others_that_are_asked_with_it(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened()
    namespace.fault(None, "tell", name="a", times=math.inf)
    namespace.fault("Error: KV GET failed: 403 no", "tell", name="b")

    with pytest.raises(AccessDeniedError):
        store.get_many(["a", "b"])
    assert namespace.waiting == 0
    assert namespace.cancelled == 1


@pytest.mark.parametrize("error", [TypeError(SECRET), JsException(f"Error: {SECRET}")])
def test_what_nobody_knows_is_an_error_of_the_family_and_shows_no_value(
    opened: Opened, namespace: Namespace, error: Exception
) -> None:
    store = opened()
    namespace.fault(error, times=math.inf)

    with pytest.raises(StorageError, match=type(error).__name__) as caught:
        store.get("k")
    assert type(caught.value) is StorageError
    with pytest.raises(OutcomeUnknownError, match=type(error).__name__) as caught:
        store.set("k", SECRET)
    cause = caught.value.__cause__
    assert type(cause) is type(error)
    assert cause.__traceback__ is not None
    assert SECRET not in shown(caught.value)
    assert len(namespace.asked()) == 2


class Strange(Whole):
    """It answers as no binding does."""

    answer: Any = None

    async def getWithMetadata(self, key: str, type: str) -> Any:  # noqa: N802
        return self.answer

    async def list(self, prefix: str = "", cursor: str | None = None, limit: int = 1000) -> Any:
        return self.answer


@pytest.mark.parametrize(
    "answer",
    [
        {"value": 5, "keys": [{"name": 5}], "list_complete": True},
        {"value": b"v", "keys": None, "list_complete": True},
        {"value": [], "keys": [{}], "list_complete": True},
        {"value": {}, "keys": [{"name": "k", "expiration": "soon"}], "list_complete": True},
        {"value": 0, "keys": [], "list_complete": False},
    ],
)
def test_what_is_no_answer_is_an_error_and_not_an_absence(
    opened: Opened, namespace: Namespace, answer: Any
) -> None:
    binding = Strange(namespace)
    binding.answer = answer
    store = opened(binding)

    with pytest.raises(StorageError, match="answers as none of KV"):
        store.get("k")
    with pytest.raises(StorageError, match="answers as none of KV"):
        list(store.keys())


def test_a_call_that_is_cancelled_leaves_nothing_behind(namespace: Namespace, clock: Clock) -> None:
    async def main() -> None:
        store = storage.aio.CloudflareStorage(Whole(namespace), clock=clock)
        namespace.fault(None, times=math.inf)
        calls = [store.get_many([*"abcdefgh"]), store.set_many({"a": 1, "b": 2}), store.get("a")]
        tasks = [asyncio.ensure_future(call) for call in calls]
        for _ in range(10):
            await asyncio.sleep(0)
        assert namespace.waiting == AT_ONCE + 2 + 1
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

        assert all(task.cancelled() for task in tasks)
        assert namespace.waiting == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert namespace.calls == []

    asyncio.run(main())


def test_closing_leaves_the_binding_and_ends_the_store(
    opened: Opened, namespace: Namespace
) -> None:
    binding = Whole(namespace)
    store = opened(binding)
    view = store.namespace("n")
    store.set_with_metadata("k", 1, {"n": 1})
    store.close()
    store.close()
    namespace.asked()

    for one in (store, view):
        for call in (
            lambda one=one: one.get("k"),
            lambda one=one: one.set("k", 1),
            lambda one=one: list(one.keys()),
        ):
            with pytest.raises(ClosedError):
                call()
    for call in (
        lambda: store.get_with_metadata("k"),
        lambda: store.set_with_metadata("k", 1, {"n": 1}),
        lambda: list(store.keys_with_metadata()),
    ):
        with pytest.raises(ClosedError):
            call()
    assert namespace.asked() == []
    assert opened(binding).get("k") == 1


def test_what_looks_and_writes_is_refused_before_anything_is_asked(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened()
    ran: list[object] = []

    for call in (
        lambda: store.add("k", 1),
        lambda: store.incr("k"),
        lambda: store.swap("k", 1, 2),
        lambda: store.update("k", ran.append, default=0),
        lambda: store.get_or_set("k", lambda: ran.append(1)),
        lambda: store.set("k", 1, ttl=storage.KEEP),
        lambda: store.touch("k", ttl=5),
    ):
        with pytest.raises(UnsupportedError):
            call()
    assert ran == namespace.asked() == []


def test_what_the_service_does_not_take_is_refused_before_anything_is_asked(
    opened: Opened, namespace: Namespace
) -> None:
    store = opened()

    for name in ("", ".", "..", "é" * 257):
        with pytest.raises(InvalidKeyError):
            store.get(name)
        with pytest.raises(InvalidKeyError):
            store.set(name, 1)
    with pytest.raises(UnstorableError):
        store.set_with_metadata("k", 1, {"m": "m" * 1024})
    with pytest.raises(UnstorableError):
        store.set_many({"a": 1, "b": "x" * (25 * 1024 * 1024)})
    assert namespace.asked() == []


def test_the_blocking_half_and_what_goes_with_a_token_refuse_a_binding(
    namespace: Namespace,
) -> None:
    binding = Whole(namespace)

    with pytest.raises(ConfigurationError, match=r"storage\.aio"):
        storage.CloudflareStorage(binding)
    with pytest.raises(ConfigurationError, match="no namespace_id"):
        storage.aio.CloudflareStorage(binding, "namespace")
    assert "cloudflare binding" in repr(storage.aio.CloudflareStorage(binding))


def test_of_an_answer_about_several_keys_only_what_is_told_wholly_is_taken() -> None:
    """The others are asked for one by one: the service leaves out names that look like numbers."""
    answer = {
        "a": {"value": "1", "metadata": {"~ends": 5}},
        "b": None,
        "c": "",
        "other": {"value": "2", "metadata": None},
    }

    told = told_of(answer, ["a", "b", "c", "42"])
    assert told == {"a": Held("1", {"~ends": 5}, None), "b": None}
    assert told_of({"value": None, "metadata": None}, ["a", "value"]) == {}
    assert told_of(None, ["a", "b"]) == {}


WITHOUT = """
import asyncio, sys, threading

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"httpx", "redis", "cachetools", "ssl", "sqlite3", "js"}:
            raise ModuleNotFoundError(name, name=name)

def no_thread(self):
    raise RuntimeError("can't start new thread")

sys.meta_path.insert(0, Gone())
threading.Thread.start = no_thread
import storage.aio

class Binding:
    kept = {}
    def get(self, key, type): return self.kept.get(key)
    def put(self, key, value): self.kept[key] = value
    def delete(self, key): self.kept.pop(key, None)
    def list(self, prefix="", limit=1000):
        found = [{"name": name} for name in self.kept if name.startswith(prefix)]
        return {"keys": found[:limit], "list_complete": True}

async def main():
    async with storage.aio.CloudflareStorage(Binding(), prefix="bot:") as store:
        await store.set_many({"a": 1, "b": 2})
        print(await store.get("a"), [key async for key in store.keys()], await store.delete("b"))

asyncio.run(main())
"""


def test_a_worker_needs_no_other_package_and_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.stdout == "1 ['a', 'b'] True\n"
