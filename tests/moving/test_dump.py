"""A dump is lines of JSON, and what is loaded of it are the entries that were dumped."""

from __future__ import annotations

import io
import json
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


def test_what_is_over_is_neither_dumped_nor_there_when_it_is_loaded(places: Places) -> None:
    here, there = places.make("memory"), places.make("sqlite")
    here.set("soon", 1, ttl=5)
    dump = dumped(places, here)
    places.clock.tick(6)
    there.set("soon", "older")

    assert lines_of(dumped(places, here)) == [{"storage": 1}, {"entries": 0}]
    places.colour.load(there, io.BytesIO(dump))

    assert there.get("soon") is None


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


def test_a_file_of_text_is_refused_before_anything_is_written(places: Places) -> None:
    store = places.make("memory")

    for function in (places.colour.dump, places.colour.load):
        with pytest.raises(TypeError, match="binary"):
            function(store, io.StringIO())


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
