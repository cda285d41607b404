"""Bots in JavaScript, whose sessions and scenes do what those of puregram and GramIO say that they
do, and sessions of ours, over one server and over one file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import storage.aio.compat.gramio
import storage.aio.compat.puregram
import storage.compat.gramio
import storage.compat.puregram
from storage import SessionKey
from storage.testing import Bridge
from tests.compat.ground import update
from tests.servers import Server
from tests.wire.program import Program

PROGRAM = Path(__file__).with_name("sessions.mjs")
HALVES = {
    "puregram": (storage.compat.puregram, storage.aio.compat.puregram),
    "gramio": (storage.compat.gramio, storage.aio.compat.gramio),
}
UPSERTS = {
    "puregram_kv": "INSERT INTO puregram_kv (key, value, expires_at) VALUES (?, ?, NULL) "
    "ON CONFLICT(key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
    "gramio_storage": "INSERT OR REPLACE INTO gramio_storage VALUES (?, ?, NULL)",
}
USER = 617580375
SCENE_KEY = f"@gramio/scenes:{USER}"


class OnServer:
    """What is kept on a server."""

    def __init__(self, server: Server, prefix: str) -> None:
        self._server = server
        self._prefix = prefix

    def raw(self, key: str) -> str | None:
        found = self._server.call("GET", self._prefix + key)
        return None if found is None else found.decode()

    def put(self, key: str, text: str) -> None:
        self._server.call("SET", self._prefix + key, text)

    def told(self, key: str) -> dict[str, Any]:
        """Where the program finds it."""
        return {"place": {"prefix": self._prefix}}


class InTable:
    """What is kept in a table, by the statements of the originals."""

    def __init__(self, file: Path, table: str) -> None:
        self._file = file
        self._table = table

    def raw(self, key: str) -> str | None:
        found = self._sql(f"SELECT value FROM {self._table} WHERE key = ?", key)
        return found[0][0] if found else None

    def put(self, key: str, text: str | None) -> None:
        if text is None:
            self._sql(f"DELETE FROM {self._table} WHERE key = ?", key)
        else:
            self._sql(UPSERTS[self._table], key, text)

    def told(self, key: str) -> dict[str, Any]:
        return {"record": self.raw(key)}

    def _sql(self, text: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            return connection.execute(text, values).fetchall()


class Ground:
    """A bot in JavaScript, which is the *program*, beside one in Python."""

    def __init__(self, bridge: Bridge, half: Any, base: Any, place: Any, program: Program) -> None:
        self._bridge = bridge
        self.half = half
        self.base = base
        self.store = bridge.driven(base)
        self.place = place
        self._program = program
        self._plugin = half.__name__.rpartition(".")[2]

    def sessions(self, **options: Any) -> Any:
        return self._bridge.driven(self.half.session(storage=self.base, **options))

    def scenes(self, **options: Any) -> Any:
        return self._bridge.driven(self.half.scenes(storage=self.base, **options))

    def raw(self, key: str) -> Any:
        """The record of *key*, which is written without spaces."""
        text = self.place.raw(key)
        record = None if text is None else json.loads(text)
        assert text in (None, json.dumps(record, separators=(",", ":"), ensure_ascii=False))
        return record

    def theirs(self, key: str, handler: str, **told: Any) -> Any:
        """What the *handler* of the other bot answers; the session is under *key*."""
        plugin = "scenes" if key.startswith("@") else self._plugin
        told = {"update": {}, "handler": handler, **told, **self.place.told(key)}
        answer = self._program.ask(plugin, **told)
        for written, text in answer["done"]:
            assert written == key
            self.place.put(written, text)
        return answer.get("said")


@pytest.fixture(scope="module")
def program(node: Path, valkey: Server) -> Iterator[Program]:
    program = Program(PROGRAM, node, valkey.port)
    yield program
    program.end()


def grounds(request: pytest.FixtureRequest, name: str) -> Iterator[Ground]:
    where, colour = request.param
    half = HALVES[name][colour]
    server: Server = request.getfixturevalue("valkey")
    file = request.getfixturevalue("tmp_path") / "bot.db"
    program = request.getfixturevalue("program")
    with Bridge() as bridge:
        if where == "server":
            prefix = "puregram:" if name == "puregram" else ""
            make = half.RedisStorage if name == "puregram" else half.redis_storage
            base, place = make(server.url), OnServer(server, prefix)
        else:
            table = "puregram_kv" if name == "puregram" else "gramio_storage"
            make = half.SqliteStorage if name == "puregram" else half.sqlite_storage
            base, place = make(file), InTable(file, table)
        ground = Ground(bridge, half, base, place, program)
        ground.store.has("the table is made")
        yield ground
        ground.store.close()
    server.call("FLUSHALL")


WHERE = [("server", 0), ("server", 1), ("table", 0), ("table", 1)]
IDS = ["server-blocking", "server-aio", "table-blocking", "table-aio"]


@pytest.fixture(params=WHERE, ids=IDS)
def puregram(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from grounds(request, "puregram")


@pytest.fixture(params=WHERE, ids=IDS)
def gramio(request: pytest.FixtureRequest) -> Iterator[Ground]:
    yield from grounds(request, "gramio")


# puregram.

KEY = "user:1:chat:3"
HERE = {"user": 1, "chat": 3}
SCENE = {"current": "shop", "state": {"cart": []}, "stepId": 2, "firstTime": False}
ALL = "session => ({ ...session, __scene: session.__scene })"


@dataclass
class Visits:
    counter: int = 0
    names: list[str] = field(default_factory=list)


@pytest.mark.parametrize("initial", [dict, Visits])
def test_what_they_write_we_read_and_change_and_they_read_again(
    puregram: Ground, initial: Any
) -> None:
    puregram.theirs(
        KEY,
        "(session, ttl) => { session.counter = 1; session.code = ttl('12é', 300_000);"
        f"session.names = ['Ann']; session.__scene = {json.dumps(SCENE)} }}",
        update=HERE,
    )
    before = puregram.raw(KEY)
    assert set(before) == {"counter", "code", "names", "__scene", "__ttl"}

    with puregram.sessions(initial=initial).of(update(1, 3)) as session:
        if initial is dict:
            assert session == {name: before[name] for name in before if name != "__ttl"}
            session["counter"] += 1
            session["names"].append("Bob")
        else:
            assert session == Visits(1, ["Ann"])
            session.counter += 1
            session.names.append("Bob")

    assert puregram.raw(KEY) == {**before, "counter": 2, "names": ["Ann", "Bob"]}
    assert puregram.theirs(KEY, ALL, update=HERE) == {
        "counter": 2,
        "code": "12é",
        "names": ["Ann", "Bob"],
        "__scene": SCENE,
    }


def test_what_we_write_they_read_and_change_and_we_read_again(puregram: Ground) -> None:
    sessions = puregram.sessions()
    opened = sessions.of(update(1, 3))
    with opened as session:
        session.update(counter=1, code="1234", nested={"list": [1]})
        opened.expire("code", 300)
    before = puregram.raw(KEY)

    told = puregram.theirs(
        KEY,
        "session => { session.counter++; session.nested.list.push(2); return session.code }",
        update=HERE,
    )

    assert told == "1234"
    assert puregram.raw(KEY) == {**before, "counter": 2, "nested": {"list": [1, 2]}}
    info = sessions.inspect(KEY)
    assert info.value == {"counter": 2, "code": "1234", "nested": {"list": [1, 2]}}
    mark = before["__ttl"]["code"]
    assert mark["t"] == 300_000
    assert info.members_end["code"].timestamp() * 1000 == mark["at"] + 300_000


def test_a_member_is_over_for_both(puregram: Ground) -> None:
    record = '{"code":"1","n":1,"__ttl":{"code":{"t":1000,"at":1700000000000}}}'
    puregram.place.put(KEY, record)

    assert puregram.theirs(KEY, "session => session.code ?? 'over'", update=HERE) == "over"
    with puregram.sessions().of(update(1, 3)) as session:
        assert session == {"n": 1}
        session["n"] = 2
    assert puregram.raw(KEY) == {"n": 2}


def test_a_session_that_either_side_empties_is_gone_for_both(puregram: Ground) -> None:
    sessions = puregram.sessions(initial=lambda: {"counter": 5})
    puregram.theirs(KEY, "session => { session.counter = 1 }", update=HERE)
    puregram.theirs(KEY, "session => { delete session.counter }", update=HERE)
    assert puregram.raw(KEY) is None

    with sessions.of(update(1, 3)) as session:
        assert session == {"counter": 5}
        session["counter"] = 6
    with sessions.of(update(1, 3)) as session:
        del session["counter"]

    assert puregram.raw(KEY) is None
    fresh = puregram.theirs(KEY, ALL, update=HERE, initial="() => ({ counter: 7 })")
    assert fresh == {"counter": 7}


@pytest.mark.parametrize(
    ("theirs", "event", "key"),
    [
        ({"user": 1, "chat": -100}, update(1, -100), "user:1:chat:-100"),
        ({"user": 9}, update(9), "user:9"),
        ({"chat": 3}, update(None, 3), "chat:3"),
        ({"user": 1, "key": "@news"}, update(1, "@news"), "user:1:key:@news"),
        ({"key": "a:b", "thread": 7, "user": 1}, None, "user:1:thread:7:key:a:b"),
        ({"user": 1, "chat": 3, "thread": 7}, SessionKey(3, 1, 7), "user:1:chat:3:thread:7"),
    ],
)
def test_both_call_a_session_the_same(puregram: Ground, theirs: Any, event: Any, key: str) -> None:
    puregram.theirs(key, "session => { session.counter = 1 }", update=theirs)
    sessions = puregram.sessions()
    if event is None:
        opened = sessions.open(puregram.half.key_of(theirs))
    elif isinstance(event, SessionKey):
        opened = sessions.open(event)
    else:
        opened = sessions.of(event)

    with opened as session:
        session["counter"] += 1

    assert list(sessions.keys()) == [key]
    assert puregram.raw(key) == {"counter": 2}


def test_both_push_the_end_of_a_session_forward(program: Program, valkey: Server) -> None:
    def theirs(handler: str) -> None:
        place = {"prefix": "puregram:", "px": 90_000}
        program.ask("puregram", update=HERE, handler=handler, place=place)

    with storage.compat.puregram.RedisStorage(valkey.url, ttl=600) as store:
        sessions = storage.compat.puregram.session(storage=store)
        theirs("session => { session.counter = 1 }")
        assert 0 < valkey.call("PTTL", f"puregram:{KEY}") <= 90_000
        with sessions.of(update(1, 3)) as session:
            assert session == {"counter": 1}
        assert 90_000 < valkey.call("PTTL", f"puregram:{KEY}") <= 600_000
        theirs("session => session.counter")
        assert 0 < valkey.call("PTTL", f"puregram:{KEY}") <= 90_000
    valkey.call("FLUSHALL")


# GramIO.


def test_sessions_of_gramio_are_written_by_both(gramio: Ground) -> None:
    first = "() => ({ counter: 0, cart: { items: [] } })"
    change = "session => { session.counter++; session.cart.items.push({ id: 1, name: 'é😀' }) }"
    gramio.theirs("123", change, update={"user": 123}, initial=first)
    sessions = gramio.sessions()

    with sessions.of(update(123, 3)) as session:
        assert session == {"counter": 1, "cart": {"items": [{"id": 1, "name": "é😀"}]}}
        session["counter"] += 1
        session["cart"]["items"].append({"id": 2, "name": None})
    gramio.theirs("123", change, update={"user": 123})

    both = [{"id": 1, "name": "é😀"}, {"id": 2, "name": None}, {"id": 1, "name": "é😀"}]
    assert gramio.raw("123") == {"counter": 3, "cart": {"items": both}}
    assert sessions.get("123") == gramio.raw("123")


def test_a_session_that_either_side_clears_is_gone_for_both(gramio: Ground) -> None:
    first = "() => ({ counter: 5 })"
    sessions = gramio.sessions(initial=lambda: {"counter": 7})
    gramio.place.put("123", '{"counter":1}')

    cleared = "async session => { await session.$clear(); return session.counter }"
    assert gramio.theirs("123", cleared, update={"user": 123}, initial=first) == 5
    assert gramio.raw("123") is None
    opened = sessions.of(update(123))
    with opened as session:
        assert session == {"counter": 7}
        session["counter"] = 8
    with sessions.of(update(123)) as session:
        assert session == {"counter": 8}
    opened = sessions.of(update(123))
    with opened:
        opened.clear()
    assert gramio.raw("123") is None
    seen = gramio.theirs("123", "session => session.counter", update={"user": 123}, initial=first)
    assert seen == 5


def test_a_session_that_either_side_empties_stays_for_both(gramio: Ground) -> None:
    first = "() => ({ counter: 5 })"
    sessions = gramio.sessions(initial=lambda: {"counter": 7})
    empty = "session => { delete session.counter; return { ...session } }"
    gramio.place.put("123", '{"counter":1}')
    gramio.theirs("123", empty, update={"user": 123})

    with sessions.of(update(123)) as session:
        assert session == {}
        session["n"] = 1
    with sessions.of(update(123)) as session:
        session.clear()

    assert gramio.place.raw("123") == "{}"
    seen = gramio.theirs("123", "session => ({ ...session })", update={"user": 123}, initial=first)
    assert seen == {}


@dataclass
class Step:
    """What a bot in Python knows of a scene."""

    name: str
    stepId: int | str  # noqa: N815 - the name in the record
    state: dict[str, Any]


@pytest.mark.parametrize("kind", [None, Step])
def test_a_scene_goes_on_on_the_other_side(gramio: Ground, kind: Any) -> None:
    user = {"user": USER}
    gramio.theirs(SCENE_KEY, "scene => scene.enter('shop', { from: 'menu' })", update=user)
    gramio.theirs(SCENE_KEY, "scene => scene.update({ item: 'tea' })", update=user)
    scenes = gramio.scenes(kind=kind)
    assert gramio.raw(SCENE_KEY) == {
        "name": "shop",
        "state": {"item": "tea"},
        "params": {"from": "menu"},
        "stepId": 1,
        "previousStepId": 0,
        "firstTime": False,
        "entered": True,
    }

    with scenes.of(update(USER, 3)) as scene:
        if kind is None:
            scene["state"]["paid"] = True
            scene["stepId"] = 2
        else:
            scene.state["paid"] = True
            scene.stepId = 2

    gramio.theirs(SCENE_KEY, "scene => scene.enterSub('address')", update=user)
    with scenes.of(update(USER)) as scene:
        assert (scene["name"] if kind is None else scene.name) == "address"
        if kind is None:
            scene["state"]["street"] = "Main"
        else:
            scene.state["street"] = "Main"
    gramio.theirs(SCENE_KEY, "scene => scene.exitSub({ street: 'Main' })", update=user)
    assert gramio.raw(SCENE_KEY) == {
        "name": "shop",
        "state": {"item": "tea", "paid": True, "street": "Main"},
        "params": {"from": "menu"},
        "stepId": 2,
        "previousStepId": 0,
        "firstTime": False,
    }
    gramio.theirs(SCENE_KEY, "scene => scene.exit()", update=user)
    assert scenes.get(str(USER)) is None


def test_a_scene_begins_and_ends_on_our_side(gramio: Ground) -> None:
    entered = {
        "name": "scene-name",
        "state": {},
        "stepId": 0,
        "previousStepId": 0,
        "firstTime": False,
    }
    scenes, user = gramio.scenes(), {"user": USER}
    with scenes.of(update(USER)) as scene:
        scene.update(entered)

    assert gramio.theirs(SCENE_KEY, "scene => scene.current()", update=user) == entered
    gramio.theirs(SCENE_KEY, "scene => scene.update({ n: 1 })", update=user)
    opened = scenes.of(update(USER))
    with opened as scene:
        assert scene == {**entered, "state": {"n": 1}, "stepId": 1}
        opened.clear()
    assert gramio.theirs(SCENE_KEY, "scene => scene.current() ?? 'none'", update=user) == "none"
