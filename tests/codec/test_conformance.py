"""The file that every codec has to agree with, case by case."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from storage.codecs import Codec, FastJsonCodec, JsonCodec, UnreadableError
from storage.errors import UnstorableError
from storage.values import check, same

FILE = Path(__file__).with_name("conformance.json")
CASES: dict[str, list[Any]] = json.loads(FILE.read_text("ascii"))

codecs = pytest.mark.parametrize("codec", [JsonCodec(), FastJsonCodec()], ids=["json", "fast"])


class Level(IntEnum):
    LOW = 1


class Colour(str, Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Items(list[int]):
    pass


class Name(str):
    __slots__ = ()


class Count(int):
    pass


class Share(float):
    pass


def list_in_itself() -> object:
    items: list[object] = [1]
    items.append(items)
    return items


def dict_in_itself() -> object:
    members: dict[str, object] = {"a": {"b": []}}
    members["me"] = members
    return members


def roundabout() -> object:
    members: dict[str, Any] = {"a": [{}]}
    members["a"][0]["b"] = members
    return members


def twice_in_itself() -> object:
    items: list[object] = []
    items += [items, items]
    return items


MAKERS: dict[str, Callable[[], object]] = {
    "nan": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "minus infinity": lambda: [0.0, float("-inf")],
    "nan inside": lambda: {"a": [1.5, float("nan")]},
    "set": lambda: {"tags": {1}},
    "frozenset": frozenset,
    "bytes": lambda: {"raw": b"x"},
    "bytearray": bytearray,
    "decimal": lambda: {"cart": [{}, {"price": 1}, {"price": Decimal("2.5")}]},
    "datetime": lambda: {"at": datetime(2024, 1, 1, tzinfo=timezone.utc)},
    "date": lambda: {"at": date(2024, 1, 1)},
    "timedelta": lambda: timedelta(1),
    "uuid": lambda: UUID(int=1),
    "tuple": lambda: {"pair": (1, 2)},
    "named tuple": lambda: [Point(1, 2)],
    "object": object,
    "function": lambda: {"f": list_in_itself},
    "complex": lambda: 1j,
    "generator": lambda: (number for number in [1]),
    "int enum": lambda: {"level": Level.LOW},
    "str enum": lambda: {"colour": Colour.RED},
    "ordered dict": lambda: OrderedDict(a=1),
    "defaultdict": lambda: {"counts": defaultdict(int)},
    "counter": lambda: Counter("aab"),
    "list subclass": lambda: Items([1]),
    "str subclass": lambda: {"name": Name("x")},
    "int subclass": lambda: Count(1),
    "float subclass": lambda: Share(0.5),
    "int key": lambda: {"a": 1, 2: 3},
    "none key": lambda: {"a": {None: 1}},
    "bool key": lambda: {True: 1},
    "str enum key": lambda: {Colour.RED: 1},
    "tuple key": lambda: [{(1, 2): 3}],
    "large": lambda: {"id": 2**53},
    "large negative": lambda: -(2**53),
    "thousand digits": lambda: 10**1000,
    "ten thousand digits": lambda: 10**10_000,
    "pair": lambda: "a\ud83d" + "\ude00",
    "pair inside": lambda: {"a": ["\ud83d\ud83d" + "\ude00"]},
    "pair in a name": lambda: {"\ud83d" + "\ude00": 1},
    "list in itself": list_in_itself,
    "dict in itself": dict_in_itself,
    "roundabout": roundabout,
    "twice in itself": twice_in_itself,
    "quoted path": lambda: {"a b": {"c": {"é": [{1}]}}},
}


def cases(section: str) -> pytest.MarkDecorator:
    found = CASES[section]
    names = [ascii(case)[:60] for case in found]
    return pytest.mark.parametrize("case", found, ids=names)


def given(case: dict[str, str]) -> bytes:
    return bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode()


def test_the_table_and_the_file_name_the_same_values() -> None:
    assert sorted(MAKERS) == sorted(case["python"] for case in CASES["refused"])


@codecs
@cases("written")
def test_what_is_written_is_what_javascript_writes(codec: Codec, case: dict[str, Any]) -> None:
    raw = codec.encode(case["value"])

    assert raw == case["javascript"].encode()
    assert same(codec.decode(raw), case["value"])


@codecs
@cases("spelled")
def test_a_float_keeps_its_python_spelling(codec: Codec, case: dict[str, Any]) -> None:
    raw = codec.encode(case["value"])

    assert raw == case["ours"].encode()
    assert same(codec.decode(raw), case["value"])
    # An integer of JavaScript's may have more digits than its float: `123456789012345680000`.
    theirs = codec.decode(case["javascript"].encode())
    assert (float(theirs) if type(theirs) is int else theirs) == case["value"]


@codecs
@cases("read")
def test_foreign_json_is_read(codec: Codec, case: dict[str, Any]) -> None:
    assert same(codec.decode(given(case)), case["value"])


@codecs
@cases("unreadable")
def test_what_is_not_json_is_refused(codec: Codec, case: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        codec.decode(given(case))


@cases("refused")
def test_a_refusal_says_where_and_why(case: dict[str, str]) -> None:
    expected = (case["path"], case["reason"])

    for refuse in (check, JsonCodec().encode, FastJsonCodec().encode):
        with pytest.raises(UnstorableError) as caught:
            refuse(MAKERS[case["python"]]())
        assert (caught.value.path, caught.value.reason) == expected


BARE = f"""
import json, sys
sys.modules["_json"] = None
for name in [name for name in sys.modules if name.split(".")[0] == "json"]:
    del sys.modules[name]
import json.encoder
assert json.encoder.c_make_encoder is None
from storage.codecs import JsonCodec
from storage.errors import UnstorableError
from storage.values import same
codec = JsonCodec()
cases = json.loads(open({str(FILE)!r}).read())
for case in cases["written"]:
    assert codec.encode(case["value"]) == case["javascript"].encode()
for case in cases["spelled"]:
    assert codec.encode(case["value"]) == case["ours"].encode()
for case in cases["read"]:
    assert same(codec.decode(case["text"].encode()), case["value"])
refused = 0
for case in cases["unreadable"]:
    try:
        codec.decode(bytes.fromhex(case["hex"]) if "hex" in case else case["text"].encode())
    except ValueError:
        refused += 1
assert refused > len(cases["unreadable"]) * 0.9, refused
try:
    codec.encode([float("nan")])
except UnstorableError as error:
    assert error.path == "$[0]"
print("done")
"""


def test_the_file_holds_without_the_accelerator_of_json() -> None:
    """But for a few spellings that the slow reader of some Pythons takes for numbers."""
    told = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)

    assert told.stdout == "done\n", told.stderr
