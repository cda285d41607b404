"""Conversations on backends that have no room for them: the same answers, and no message lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import storage
import storage.aio
import storage.aio.recalling
import storage.keylock
import storage.recalling
from storage import ConflictError, CorruptValueError, UnsupportedError
from storage.core.history import State
from storage.core.talk import Talk
from storage.core.volume import opened, volume
from storage.histories import Query
from storage.testing import Bridge, Clock
from tests.adapted.test_adapted import Slow, SlowAwaited
from tests.contract.layers import IS_LONG
from tests.conversation.standing import called, result, said
from tests.fault.ground import together
from tests.servers import Server

Make = Callable[[Any, Clock], Any]

KEY = b"k" * 32
HALVES = {"blocking": storage, "asyncio": storage.aio}
ALL = Query(newest=False)


class Agreeing:
    """The clock of a machine that agrees with those of all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return self._clock.ms


def _fallback(half: Any, clock: Clock) -> Any:
    first, second = (half.MemoryStorage(clock=clock) for _ in range(2))
    return half.fallback(first, second, on_error=lambda error: None)


BASES: dict[str, Make] = {
    "dict": lambda half, clock: half.adapt({}),
    "memory": lambda half, clock: half.MemoryStorage(clock=clock),
    "sqlite": lambda half, clock: half.SqliteStorage(":memory:", clock=clock),
    "fallback": _fallback,
}
LAYERS: dict[str, Callable[[Any, Any], Any]] = {
    "plain": lambda half, store: store,
    "namespace": lambda half, store: store.namespace("a~b"),
    "encrypted": lambda half, store: half.encrypted(store, KEY),
    "both": lambda half, store: half.compressed(half.encrypted(store.namespace("n"), KEY), over=64),
}
PLACES = (
    *("plain dict", "namespace dict", "plain fallback"),
    *("encrypted dict", "encrypted memory", "both sqlite"),
)


class Place:
    """Conversations step by step in one place and one colour, by plain calls."""

    def __init__(self, half: Any, name: str, bridge: Bridge, **options: Any) -> None:
        layer, base = name.split()
        self.clock = Clock()
        self.half = half
        self.base = BASES[base](half, self.clock)
        self.store = LAYERS[layer](half, self.base)
        self._bridge = bridge
        self._options = options
        self.talk = self.conversation()
        self.backend = bridge.driven(self.store._backend)

    def conversation(self, **options: Any) -> Any:
        talk = self.half.Conversation(self.store, **{**self._options, **options})
        assert isinstance(talk._room, self.half.recalling.HistoriesStepByStep)
        for part in (talk._room, talk._copies):
            part._clocked = Agreeing(self.clock)
        self.room = self._bridge.driven(talk._room)
        return self._bridge.driven(talk)

    def close(self) -> None:
        self._bridge.driven(self.base).close()

    @property
    def start(self) -> str:
        """What the entries of conversations begin with."""
        return str(self.store._layers.names.segment("history"))


@pytest.fixture(params=PLACES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=HALVES)
def half(request: pytest.FixtureRequest) -> Any:
    return HALVES[request.param]


@pytest.fixture
def place(name: str, half: Any) -> Iterator[Place]:
    with Bridge() as bridge:
        place = Place(half, name, bridge, max_messages=None)
        yield place
        place.close()


class Steps:
    """What happens to a few conversations, as *seed* has it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._calls = 0
        self.options: dict[str, Any] = {
            "max_messages": self._random.choice([None, 3, 12]),
            "max_tokens": self._random.choice([None, 60]),
            "max_turns": self._random.choice([None, 2]),
            "ttl": self._random.choice([None, 30]),
            "max_age": self._random.choice([None, 300]),
            "on_orphan": self._random.choice(["raise", "keep"]),
        }

    def next(self, talk: Any, clock: Clock) -> Callable[[Any], Any]:
        """Something to do with one conversation, as it is in *talk*, or the clock moves on."""
        pick, chance = self._random.choice, self._random.random()
        key = pick(["100:7", "100:8", "nul\0 ~ß", ""])
        turns, back = pick([1, 2]), pick([0, 1, 3, 9])
        seq = max(1, _last(talk, key) - back)
        if chance < 0.1:
            clock.tick(pick([0.001, 3, 3, 40]))
        if chance < 0.6:
            messages = [self._message() for _ in range(pick([1, 1, 1, 2, 5]))]
            told: dict[str, Any] = {"once": pick([None, None, "a", "b"])}
            if pick([True, False, False]):
                told["if_seq"] = max(0, _last(talk, key) - pick([0, 0, 1]))
            return lambda one: one.append_many(key, messages, **told)
        edits: list[Callable[[Any], Any]] = [
            lambda one: one.append(key, said("pinned"), pin=True),
            lambda one: one.pop(key),
            lambda one: one.undo(key, turns),
            lambda one: one.delete(key, seq),
            lambda one: one.truncate_after(key, seq),
            lambda one: one.pin(key, seq),
            lambda one: one.unpin(key, seq),
            lambda one: one.edit(key, seq, lambda old: {**old, "content": "edited"}),
            lambda one: one.fork(key, "100:9"),
            lambda one: one.clear(key),
            lambda one: one.keep_newest(3),
        ]
        return pick(edits)

    def _message(self) -> dict[str, Any]:
        kind = self._random.choice(["said", "said", "system", "call", "call", "result", "result"])
        text = f"text {self._random.random()}"
        if kind == "call":
            self._calls += 1
            return called(f"c{self._calls}")
        if kind == "result":
            return result(f"c{self._calls - self._random.choice([0, 0, 1])}", text)
        role = self._random.choice(["user", "assistant"])
        return said(text, "system" if kind == "system" else role)


def _last(talk: Any, key: str) -> int:
    usage = talk.usage(key)
    return 0 if usage is None else int(usage.last_seq)


def answered(talk: Any, step: Callable[[Any], Any]) -> Any:
    try:
        return step(talk)
    except (storage.StorageError, KeyError) as error:
        return type(error)


def everything(talk: Any, room: Any) -> dict[str, Any]:
    """All that can be asked about all conversations; and what is known, byte by byte."""
    keys = sorted(talk.keys())
    return {
        key: (
            talk.list(key),
            talk.list(key, last=2, roles="user"),
            talk.list(key, first=3, after=2).newer,
            talk.window(key, messages=3),
            talk.window(key, tokens=40),
            talk.usage(key),
            room.read(key, ALL),
        )
        for key in keys
    }


@pytest.mark.parametrize("seed", range(6 if IS_LONG else 2))
@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("colour", HALVES)
def test_the_answers_are_those_of_a_room(name: str, colour: str, seed: int) -> None:
    steps = Steps(seed)
    with Bridge() as bridge:
        place = Place(HALVES[colour], name, bridge, **steps.options)
        with storage.MemoryStorage(clock=place.clock) as model:
            known = storage.Conversation(model, **steps.options)
            for _ in range(60):
                step = steps.next(known, place.clock)

                assert answered(place.talk, step) == answered(known, step)
                assert everything(place.talk, place.room) == everything(known, known._room)
        place.close()


def test_what_expires_in_the_backend_is_told_when(place: Place) -> None:
    talk = place.conversation(ttl=60, max_age=90)
    for _ in range(2):
        talk.append("k", said("hi"))
        place.clock.tick(40)
    (name,) = place.backend.page(place.start, None, False).names

    ends = place.backend.ends(name)

    expires = place.backend.capabilities.expiry_ms is not None
    assert ends == (place.clock.ms + 10_000 if expires else None)
    assert talk.usage("k").ends.timestamp() * 1000 == place.clock.ms + 10_000
    place.clock.tick(10)
    assert (talk.list("k"), list(talk.keys()), talk.usage("k")) == ([], [], None)
    assert talk.clear("k") is False
    assert talk.append("k", said("anew")) == 1


def test_what_is_over_already_is_not_kept(place: Place) -> None:
    talk = place.conversation()
    talk.append("k", said("hi"))
    place.clock.tick(60)

    place.conversation(max_age=30).append("k", said("late"))

    assert talk.list("k") == []
    assert place.backend.page(place.start, None, False).names == []


def test_nothing_of_it_is_seen_as_a_value(place: Place) -> None:
    place.talk.append("k", said("hi"))

    with Bridge() as bridge:
        store = bridge.driven(place.store)
        assert store.get("k") is None
        assert list(store.keys()) == []
        store.set("k", 1)
        assert list(place.talk.keys()) == ["k"]
        assert place.talk.clear("k") is True
        assert store.get("k") == 1


@pytest.mark.parametrize("name", [name for name in PLACES if "encrypted" in name])
@pytest.mark.parametrize("colour", HALVES)
def test_nobody_reads_it_without_the_secret(name: str, colour: str) -> None:
    with Bridge() as bridge:
        place = Place(HALVES[colour], name, bridge, max_messages=None)
        place.talk.append_many("k", [said("hunter2" * 50), said("hunter2", "assistant")])
        place.talk.append("other", said("x"))

        page = place.backend.page(place.start, None, True)
        first, second = (raw for _, raw in sorted(zip(page.names, page.values)))
        assert b"hunter2" not in first
        place.backend.write(f"{place.start}other", first, None)
        with pytest.raises(CorruptValueError) as caught:
            place.talk.list("other")
        assert caught.value.key == "other"
        assert second not in (first, b"")
        place.close()


@pytest.mark.server
@pytest.mark.parametrize("colour", HALVES)
def test_what_is_encrypted_on_a_server_is_kept_there(colour: str, valkey: Server) -> None:
    with Bridge() as bridge:
        plain = HALVES[colour].RedisStorage(valkey.url, prefix="recalled:")
        talk = bridge.driven(HALVES[colour].Conversation(HALVES[colour].encrypted(plain, KEY)))
        for number in range(30):
            talk.append("k", said(f"hunter2 {number}"))

        assert len(talk.list("k")) == 20
        raw = valkey.call("GET", "recalled:~history~k")
        assert raw is not None
        assert b"hunter2" not in raw
        assert talk.clear("k") is True
        bridge.driven(plain).close()
    valkey.call("FLUSHALL")


def whole() -> bytes:
    return volume(Talk(State(5)))


@pytest.mark.parametrize(
    "raw",
    [b"", b"\0" * 64, b'"hunter2"', b"\xff" * 65, whole()[:-1], whole() + b"\0", b"\0\2" + whole()],
)
def test_a_corrupt_entry_is_one_typed_error_and_stays(half: Any, raw: bytes) -> None:
    with Bridge() as bridge:
        place = Place(half, "plain dict", bridge)
        name = f"{place.start}bad"
        place.backend.write(name, raw, None)
        place.talk.append("good", said("hi"))
        calls: list[Callable[[], object]] = [
            lambda: place.talk.append("bad", said("hi")),
            lambda: place.talk.list("bad"),
            lambda: place.talk.window("bad"),
            lambda: place.talk.usage("bad"),
            lambda: place.talk.pop("bad"),
            lambda: place.talk.fork("good", "bad"),
        ]

        for call in calls:
            with pytest.raises(CorruptValueError) as caught:
                call()
            assert (caught.value.key, caught.value.store) == ("bad", "adapted dict")
            assert "hunter2" not in str(caught.value)
        assert place.backend.read(name) == raw
        assert sorted(place.talk.keys()) == ["bad", "good"]
        assert place.talk.clear("bad") is True
        assert place.talk.append("bad", said("anew")) == 1


def test_what_newer_code_wrote_is_said_to_be_newer() -> None:
    raw = bytearray(whole())
    raw[1] = 2

    with pytest.raises(ValueError, match="written in version 2, which is newer"):
        opened(bytes(raw))


@pytest.mark.parametrize(
    ("word", "over"),
    [
        ("enhanced", lambda half, store: half.enhance_storage(store)),
        ("typed", lambda half, store: store.typed(dict)),
        ("typed", lambda half, store: half.encrypted(store, KEY).typed(dict)),
        ("enhanced", lambda half, store: half.enhance_storage(store).typed(dict)),
    ],
)
@pytest.mark.parametrize("base", ["MemoryStorage", "dict"])
def test_a_layer_that_messages_are_not_of_is_refused_by_its_name(
    half: Any, base: str, word: str, over: Callable[[Any, Any], Any]
) -> None:
    store = over(half, half.adapt({}) if base == "dict" else half.MemoryStorage())

    with pytest.raises(UnsupportedError, match=f"this store is {word}") as caught:
        half.Conversation(store)
    assert "the store beneath" in str(caught.value)


def test_a_plain_store_with_a_room_of_its_own_uses_that(half: Any) -> None:
    talk = half.Conversation(half.MemoryStorage().namespace("n"))

    assert not isinstance(talk._room, half.recalling.HistoriesStepByStep)


@pytest.mark.parametrize("apart", [False, True])
def test_threads_lose_no_message(apart: bool) -> None:
    """Of one object for conversations, or of one each that knows nothing of the others."""
    store = storage.adapt(Slow())
    talks = [storage.Conversation(store, max_messages=None) for _ in range(6 if apart else 1)]
    if apart:
        for talk in talks:
            room: Any = talk._room
            room._keys = storage.keylock.KeyLock("apart")

    def say(who: int) -> Callable[[], None]:
        def go_on() -> None:
            for number in range(10):
                talks[who % len(talks)].append_many("k", [said(f"{who} {number}"), said("next")])

        return go_on

    together(*(say(who) for who in range(6)))

    texts = [one["content"] for one in talks[0].list("k")]
    assert len(texts) == 120
    assert texts[1::2] == ["next"] * 60
    for who in range(6):
        own = [text for text in texts if text.startswith(f"{who} ")]
        assert own == [f"{who} {number}" for number in range(10)]


def test_tasks_lose_no_message() -> None:
    async def run() -> int:
        talk = storage.aio.Conversation(storage.aio.adapt(SlowAwaited()), max_messages=None)
        await asyncio.gather(*(talk.append("k", said(str(number))) for number in range(50)))
        return len(await talk.list("k"))

    assert asyncio.run(run()) == 50


def test_who_can_not_write_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage.recalling, "MOST_ATTEMPTS", 3)
    store = storage.adapt({})
    talk = storage.Conversation(store)
    talk.append("k", said("hi"))
    monkeypatch.setattr(store._backend._room, "swap", lambda *_: False)

    for call in (lambda: talk.append("k", said("x")), lambda: talk.clear("k")):
        with pytest.raises(ConflictError) as caught:
            call()
        assert caught.value.key == "k"
    assert len(talk.list("k")) == 1
