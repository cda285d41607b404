"""A dump is lines of JSON, and what is loaded of it are the entries that were dumped."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
from storage import ConfigurationError, CorruptValueError, UnstorableError, UnsupportedError
from storage.codecs import JSON
from storage.keys import Names
from storage.testing import Clock
from storage.testing.strategies import keys, namespaces, values
from tests.moving.ground import PLACES, Places, marked

NOW = Clock().ms


def dumped(places: Places, store: Any) -> bytes:
    out = io.BytesIO()
    assert places.colour.dump(store, out).is_whole
    return out.getvalue()


def lines_of(dump: bytes) -> list[Any]:
    return [json.loads(line) for line in dump.decode().splitlines()]


def test_a_dump_is_what_the_page_says(places: Places) -> None:
    store = places.make("sqlite")
    store.set("ann", {"name": "Zoë"}, ttl=60)
    store.namespace("carts").namespace("old").set("5", [1.0])
    places.colour.put(store, "record", b'{"__v":2,"data":{"n":1}}')
    places.colour.put(store, "text", b'"two\\nlines\\u2028"')

    assert (
        dumped(places, store)
        == (
            '{"storage":1}\n'
            f'{{"key":"ann","value":{{"name":"Zoë"}},"expires_at":{NOW + 60_000}}}\n'
            '{"key":"record","value":{"n":1},"version":2}\n'
            '{"key":"text","value":"two\\nlines\\u2028"}\n'
            '{"key":"5","namespace":["carts","old"],"value":[1.0]}\n'
            '{"entries":4}\n'
        ).encode()
    )


RAWS = st.one_of(
    values(5).map(JSON.encode),
    st.builds(
        lambda version, value: b'{"__v":%d,"data":%b}' % (version, JSON.encode(value)),
        st.integers(0, 10**6),
        values(3),
    ),
    st.builds(
        lambda value, ends: b'{"__v":1,"data":%b,"__exp":%d}' % (JSON.encode(value), ends),
        values(2),
        st.integers(NOW + 1, NOW + 10**9),
    ),
    values(3).map(lambda value: json.dumps({"a": value, "b": 1e21}).encode()),
)
ENTRIES = st.dictionaries(
    st.tuples(st.lists(namespaces(), max_size=2).map(tuple), keys()),
    st.tuples(RAWS, st.none() | st.integers(NOW + 1, NOW + 10**9)),
    max_size=5,
)


@pytest.mark.parametrize("place", ["memory", "sqlite"])
@given(entries=ENTRIES)
def test_what_is_loaded_is_what_was_dumped_byte_by_byte(entries: Any, place: str) -> None:
    clock = Clock()

    def made() -> storage.Storage[Any]:
        if place == "memory":
            return storage.MemoryStorage(clock=clock)
        return storage.SqliteStorage(":memory:", clock=clock)

    names = Names()
    told = [(names.joined(path, key), *rest) for (path, key), rest in entries.items()]
    with made() as store, made() as other:
        store._backend.restore(told, True)
        out = io.BytesIO()
        assert storage.dump(store, out).is_whole
        assert storage.load(other, io.BytesIO(out.getvalue())).is_whole
        for name, raw, ends in told:
            assert (other._backend.read(name), other._backend.ends(name)) == (raw, ends)
        again = io.BytesIO()
        storage.dump(other, again)
        assert sorted(again.getvalue().splitlines()) == sorted(out.getvalue().splitlines())


@pytest.mark.parametrize("place", marked(PLACES))
def test_a_dump_is_loaded_in_every_place(places: Places, place: str) -> None:
    here, there = places.make(place), places.make(place)
    here.set_many({f"k{number}": {"n": number} for number in range(1100)}, ttl=60.001)
    here.namespace("carts").set("5", "\ud83d", ttl=None)
    dump = dumped(places, here)

    for _ in range(2):
        report = places.colour.load(there, io.BytesIO(dump))
        assert (report.written, report.looked_at, report.is_whole) == (1101, 1101, True)

    assert places.colour.kept(there) == places.colour.kept(here)
    assert there.namespace("carts").get("5") == "\ud83d"
    assert there.expires_at("k7") == here.expires_at("k7")


def test_records_are_dumped_and_loaded_in_the_version_they_have(places: Places) -> None:
    half = places.colour.half
    here, there = places.make("sqlite"), places.make("memory")
    raws = {"bare": b"5", "old": b'{"__v":1,"data":5}', "new": b'{"__v":7,"data":5}'}
    for name, raw in raws.items():
        places.colour.put(here, name, raw)
    steps = {1: lambda value: value, 2: lambda value: 1 / 0}
    enhanced = half.enhance_storage(getattr(here, "_thing", here), migrations=steps)

    dump = dumped(places, enhanced)
    assert {line["key"]: line.get("version") for line in lines_of(dump)[1:-1]} == {
        "bare": None,
        "old": 1,
        "new": 7,
    }
    over = half.enhance_storage(getattr(there, "_thing", there), migrations={1: int})
    assert places.colour.load(over, io.BytesIO(dump)).is_whole

    assert {name: raw for name, (raw, _) in places.colour.kept(there).items()} == raws


def test_a_value_without_a_version_can_end_where_records_say_when(places: Places) -> None:
    """Where nothing expires by itself, its end is written beside it."""
    there = places.make("enhanced dict")
    dump = b'{"storage":1}\n{"key":"k","value":5,"expires_at":%d}\n{"entries":1}\n' % (NOW + 5000)

    assert places.colour.load(there, io.BytesIO(dump)).is_whole

    assert there.get("k") == 5
    places.clock.tick(6)
    assert there.get("k") is None


@pytest.mark.parametrize("place", marked([*PLACES, "lru"]))
def test_what_is_over_is_neither_dumped_nor_loaded(places: Places, place: str) -> None:
    """What stands under its key meanwhile is somebody's, and stays."""
    here, there = places.make("memory"), places.make(place)
    here.set_many({"soon": 1, "new": 1}, ttl=5)
    here.set("later", 1, ttl=60)
    dump = dumped(places, here)
    places.clock.tick(6)
    there.set("soon", "of today")

    assert [line.get("key") for line in lines_of(dumped(places, here))] == [None, "later", None]
    report = places.colour.load(there, io.BytesIO(dump))

    assert (report.looked_at, report.written, report.over) == (3, 1, 2)
    assert report.is_whole
    assert dict(there.items()) == {"soon": "of today", "later": 1}
    assert len(places.colour.kept(there)) == 2


def test_what_is_over_is_not_loaded_to_stay_for_ever() -> None:
    there: dict[str, Any] = {}
    dump = b'{"storage":1}\n{"key":"k","value":5,"expires_at":1700000000000}\n{"entries":1}\n'

    assert storage.load(there, io.BytesIO(dump), drop_expiry=True).over == 1

    assert there == {}


def test_an_entry_without_bytes_is_told_and_left_out(places: Places) -> None:
    """Loaded, such a line would destroy what the dump could not say."""
    here = places.make("sqlite")
    here.set_many({"a": 1, "b": 2})
    path = here._layers.label.removeprefix("sqlite:").removesuffix("[storage]")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE storage SET expires_at = 'soon' WHERE key = 'b'")
    out = io.BytesIO()

    report = places.colour.dump(here, out)

    assert (report.looked_at, report.written, report.failed) == (2, 1, 1)
    assert [(one.key, type(one.error)) for one in report.failures] == [("b", CorruptValueError)]
    assert [line.get("key") for line in lines_of(out.getvalue())] == [None, "a", None]


def test_bytes_that_are_none_at_all_are_dumped_where_they_are_a_value(places: Places) -> None:
    here, there = (places.colour.half.MemoryStorage(codec=AsTheyAre()) for _ in range(2))
    places.bridge.driven(here).set("k", b"")

    places.colour.load(there, io.BytesIO(dumped(places, here)))

    assert places.bridge.driven(there).get("k") == b""


def test_one_value_of_an_object_that_is_none_does_not_keep_the_others_back(
    places: Places,
) -> None:
    thing = {"a": 1, "bad": {1, 2}, "z": 3}
    there = places.make("memory")
    out = io.BytesIO()

    copied = places.colour.copy(thing, there)
    report = places.colour.dump(thing, out)

    for told in (copied, report):
        assert (told.written, [one.key for one in told.failures]) == (2, ["bad"])
    assert dict(there.items()) == {"a": 1, "z": 3}
    assert [line.get("key") for line in lines_of(out.getvalue())] == [None, "a", "z", None]


def test_bytes_that_are_no_json_are_dumped_all_the_same_and_told(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    here.set("a", 1)
    places.colour.put(here, "torn", b"\xff{")
    out = io.BytesIO()

    report = places.colour.dump(here, out)

    assert (report.written, report.failed) == (2, 1)
    assert [(one.key, type(one.error)) for one in report.failures] == [("torn", CorruptValueError)]
    assert lines_of(out.getvalue())[2] == {"key": "torn", "base64": "/3s="}
    places.colour.load(there, io.BytesIO(out.getvalue()))
    assert places.colour.kept(there) == places.colour.kept(here)


def test_what_other_programs_put_on_several_lines_comes_on_one(places: Places) -> None:
    here, there = places.make("sqlite"), places.make("memory")
    places.colour.put(here, "k", b'{\r\n "a": [1,\n2]}')

    places.colour.load(there, io.BytesIO(dumped(places, here)))

    assert there.get("k") == {"a": [1, 2]}


DUMP = (
    b'{"storage":1}\n{"key":"a","value":1}\n{"key":"b","value":{"text":"x"}}\n'
    b'{"key":"c","value":3}\n{"entries":3}\n'
)


@pytest.mark.parametrize("end", range(len(b'{"storage":1}\n'), len(DUMP)))
def test_a_torn_dump_is_told_and_loaded_as_far_as_it_goes(end: int) -> None:
    store = storage.MemoryStorage()

    report = storage.load(store, io.BytesIO(DUMP[:end]))

    whole = DUMP[:end].count(b"\n") - 1 + (DUMP[end : end + 1] == b"\n")
    assert report.is_torn is (end < len(DUMP) - 1)
    assert report.failed == 0
    assert report.written == len(list(store.keys())) == min(whole, 3)


def test_a_dump_that_lost_a_line_in_the_middle_is_torn(places: Places) -> None:
    store = places.make("memory")
    lost = DUMP.replace(b'{"key":"b","value":{"text":"x"}}\n', b"")

    report = places.colour.load(store, io.BytesIO(lost))

    assert (report.is_torn, report.is_whole, report.written) == (True, False, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b'{"key":"b","value":1} {}',
        b'{"key":"b","value":NaN}',
        b'{"key":"b","value":1,}',
        b'{"key":"b"}',
        b'{"value":1}',
        b'{"key":5,"value":1}',
        b'{"key":"b","value":1,"base64":"AA=="}',
        b'{"key":"b","base64":"?"}',
        b'{"key":"b","base64":"AA==","version":1}',
        b'{"key":"b","value":1,"namespace":"carts"}',
        b'{"key":"b","value":1,"namespace":[""]}',
        b'{"key":"b","value":1,"version":-1}',
        b'{"key":"b","value":1,"version":true}',
        b'{"key":"b","value":1,"expires_at":"soon"}',
        b'{"key":"b","value":1,"expires_at":-1}',
        b'{"key":"b","value":1,"expires_at":%d}' % 2**53,
        b'{"key":"b","value":1,"expires_at":1%b}' % (b"0" * 400),
        b'{"key":"b","value":1,"colour":"red"}',
        b'{"key":"\\ud800","value":1}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_entry_is_told_with_its_number(line: bytes) -> None:
    store = storage.MemoryStorage()
    dump = DUMP.replace(b'{"key":"b","value":{"text":"x"}}', line)

    report = storage.load(store, io.BytesIO(dump))

    assert (report.looked_at, report.written, report.failed) == (3, 2, 1)
    assert not report.is_torn
    assert dict(store.items()) == {"a": 1, "c": 3}
    (failure,) = report.failures
    assert failure.key == "\ud800" or "line 3" in str(failure.error)


def test_what_follows_the_end_is_told(places: Places) -> None:
    store = places.make("memory")

    report = places.colour.load(store, io.BytesIO(DUMP + DUMP))

    assert not report.is_whole
    assert "line 6" in str(report.failures[0].error)


@pytest.mark.parametrize(
    ("dump", "words"),
    [
        (b"", "no dump"),
        (b"\n", "no dump"),
        (b'{"key":"a","value":1}\n', "no dump"),
        (b'{"storage":"1"}\n', "no dump"),
        (b"SQLite format 3\0\xff\n", "no dump"),
        (b'{"storage":2}\n', "format 2"),
    ],
)
def test_what_is_no_dump_is_refused_before_anything_is_written(dump: bytes, words: str) -> None:
    store = storage.MemoryStorage({"old": 1})

    with pytest.raises(ConfigurationError, match=words):
        storage.load(store, io.BytesIO(dump + b'{"key":"a","value":1}\n'))

    assert dict(store.items()) == {"old": 1}


def test_what_is_there_stays_if_it_shall(places: Places) -> None:
    store = places.make("sqlite")
    store.set("a", "theirs")

    report = places.colour.load(store, io.BytesIO(DUMP), existing="keep")

    assert (report.written, report.kept) == (2, 1)
    assert store.get("a") == "theirs"


def test_what_can_not_be_written_there_is_told(places: Places) -> None:
    half = places.colour.half
    store = half.MemoryStorage(codec=storage.JsonCodec(max_bytes=10))

    report = places.colour.load(store, io.BytesIO(DUMP))

    assert [(one.key, type(one.error)) for one in report.failures] == [("b", UnstorableError)]
    assert report.written == 2


def test_a_store_without_lifetimes_is_asked_for_its_consent(places: Places) -> None:
    there: dict[str, Any] = {}

    with pytest.raises(UnsupportedError, match="enhance_storage"):
        places.colour.load(there, io.BytesIO(DUMP))
    assert there == {}
    assert places.colour.load(there, io.BytesIO(DUMP), drop_expiry=True).is_whole
    assert there == {"a": 1, "b": {"text": "x"}, "c": 3}


def test_a_file_is_there_when_the_dump_is_whole(places: Places, tmp_path: Path) -> None:
    store = places.make("sqlite")
    store.set_many({f"k{number}": number for number in range(1100)})
    file = tmp_path / "bot.jsonl"
    file.write_bytes(b"an older dump")

    def stop(report: Any) -> None:
        assert file.read_bytes() == b"an older dump"
        raise LookupError

    with pytest.raises(LookupError):
        places.colour.dump(store, file, progress=stop)
    assert file.read_bytes() == b"an older dump"

    report = places.colour.dump(store, str(file))
    assert report.written == 1100
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["bot.jsonl"]
    there = places.make("memory")
    assert places.colour.load(there, file).written == 1100


@pytest.mark.parametrize("file", [5, None, b"bot.jsonl", object()])
def test_what_is_no_file_is_refused(places: Places, file: Any) -> None:
    for function in (places.colour.dump, places.colour.load):
        with pytest.raises(TypeError, match="open in binary mode"):
            function(places.make("memory"), file)


@pytest.mark.parametrize("place", ["memory", "sqlite", "enhanced dict"])
def test_bytes_that_are_no_record_may_end_where_the_backend_knows_when(
    places: Places, place: str
) -> None:
    base = places.make(place)
    half = places.colour.half
    store = base
    if place != "enhanced dict":
        plain = getattr(base, "_thing", base)
        store = half.enhance_storage(plain, migrations={1: int}, clock=places.clock)
    dump = b'{"storage":1}\n{"key":"k","base64":"/3s=","expires_at":%d}\n{"entries":1}\n'

    report = places.colour.load(store, io.BytesIO(dump % (NOW + 5000)))

    told = [type(one.error) for one in report.failures]
    if place == "enhanced dict":
        assert (told, report.written) == ([UnstorableError], 0)
    else:
        assert (told, places.colour.kept(base)) == ([], {"k": (b"\xff{", NOW + 5000)})


def test_two_dumps_to_one_file_do_not_meet(tmp_path: Path) -> None:
    """Each is whole, and the one that ends last is there."""
    store, other = storage.MemoryStorage({"a": 1, "b": 2}), storage.MemoryStorage({"c": 3})
    file = tmp_path / "bot.jsonl"

    def meanwhile(report: Any) -> None:
        assert storage.dump(other, file).is_whole
        assert lines_of(file.read_bytes())[1:] == [{"key": "c", "value": 3}, {"entries": 1}]

    assert storage.dump(store, file, progress=meanwhile).is_whole

    assert [line.get("key") for line in lines_of(file.read_bytes())] == [None, "a", "b", None]
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(os.name == "nt", reason="its files have no such modes")
def test_a_new_file_is_its_owners_and_an_older_one_stays_whose_it_was(tmp_path: Path) -> None:
    store, file = storage.MemoryStorage({"a": 1}), tmp_path / "bot.jsonl"

    def modes(report: Any) -> None:
        seen.update(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.part"))

    seen: set[int] = set()
    storage.dump(store, file, progress=modes)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    storage.dump(store, file, progress=modes)

    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert seen == {0o600}


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_database_is_never_replaced_by_a_dump(places: Places, state: str) -> None:
    here, bystander = places.make("sqlite"), places.make("sqlite")
    for store in (here, bystander):
        store.set("k", 1)
    path = Path(bystander._layers.label.removeprefix("sqlite:").removesuffix("[storage]"))
    if state == "closed":
        bystander.close()
        assert not path.with_name(f"{path.name}-wal").exists()

    beside = path.with_name(f"{path.name}-wal")
    for place in (path, *([beside] if state == "open" else [])):
        with pytest.raises(ConfigurationError, match="database"):
            places.colour.dump(here, place)

    with storage.SqliteStorage(path) as again:
        assert again.get("k") == 1
    assert not list(path.parent.glob("*.part"))


def test_a_dump_of_nothing_does_not_replace_a_dump(places: Places, tmp_path: Path) -> None:
    file = tmp_path / "bot.jsonl"
    empty = places.make("memory")

    assert places.colour.dump(empty, file).is_whole
    assert lines_of(file.read_bytes()) == [{"storage": 1}, {"entries": 0}]
    with pytest.raises(ConfigurationError, match="stays"):
        places.colour.dump(empty, file)

    assert [path for path in tmp_path.iterdir() if path.is_file()] == [file]


def test_a_file_of_text_is_refused_before_anything_is_written(places: Places) -> None:
    store = places.make("memory")

    for function in (places.colour.dump, places.colour.load):
        with pytest.raises(TypeError, match="binary"):
            function(store, io.StringIO())


class AsTheyAre:
    """A codec of bytes, none at all included."""

    def encode(self, value: Any, /) -> bytes:
        return bytes(value)

    def decode(self, raw: bytes, /) -> Any:
        return raw

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


class Hexadecimal:
    """A codec that is not JSON, though what it writes may look so."""

    def encode(self, value: Any, /) -> bytes:
        return b"%x" % value

    def decode(self, raw: bytes, /) -> Any:
        return int(raw, 16)

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


def test_values_of_another_codec_are_bytes_in_a_dump(places: Places) -> None:
    half = places.colour.half
    here, there = (half.MemoryStorage(codec=Hexadecimal()) for _ in range(2))
    for store in (here,):
        places.bridge.driven(store).set("k", 16)

    dump = dumped(places, here)
    assert lines_of(dump)[1] == {"key": "k", "base64": "MTA="}
    places.colour.load(there, io.BytesIO(dump))
    assert places.bridge.driven(there).get("k") == 16

    report = places.colour.load(there, io.BytesIO(DUMP.replace(b'{"text":"x"}', b"255")))
    assert report.is_whole
    assert places.bridge.driven(there).get("b") == 255
