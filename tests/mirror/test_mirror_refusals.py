"""What the tool refuses, and at which line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

Refused = Callable[..., list[str]]

BIND = "bind what I/O returned to a name first"
ELSEWHERE = "an iterator of I/O stands only in a plain for or alone in a return"
ASYNC = "no async or await here: write the blocking text"
WAITING = "waiting and locking live behind a door"


def inside(*lines: str) -> str:
    """A class that begins at line 2 of the source; the first of *lines* is line 3."""
    return "\n".join(["class Store:", *(f"    {line}" for line in lines)]) + "\n"


def method(*lines: str) -> str:
    """A method that begins at line 3; the first of *lines* is line 4."""
    return inside("def get(self, k):", *(f"    {line}" for line in lines))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["return lambda: self._backend.read(k)"], "no I/O in a lambda: write a method"),
        (["return [self._backend.read(x) for x in k]"], "no I/O in a comprehension: write a for"),
        (["return {x for x in self._backend.all()}"], "no I/O in a comprehension: write a for"),
        (
            ["return {x: 1 for x in k if self._room.has(x)}"],
            "no I/O in a comprehension: write a for",
        ),
        (
            ["return any(self._room.has(x) for x in k)"],
            "no I/O in a generator expression: write a for",
        ),
        (
            ['return f"{self._backend.read(k)}"'],
            "no I/O in an f-string: bind the reply to a name first",
        ),
        (["a: self._backend.read(k) = 1"], "no I/O in an annotation"),
        (["return self._backend.read(k).raw"], BIND),
        (["return (self._backend.read(k)).raw"], BIND),
        (["return self._backend.read(k)[0]"], BIND),
        (["return self._backend.read(k)()"], BIND),
        (
            ["with self._keys.hold(k), open(k): pass"],
            "a with over a door holds nothing else: nest two of them",
        ),
        (["k.close()"], "reach close through a door or self"),
        (["close(k)"], "reach close through a door or self"),
        (['return f"{k.close}"'], "no close in an f-string: bind it to a name first"),
        (["import time"], f"no time here: {WAITING}"),
        (["from threading import Lock"], f"no threading here: {WAITING}"),
    ],
)
def test_a_place_that_cannot_be_coloured_is_refused(
    refused: Refused, lines: list[str], reason: str
) -> None:
    source = method(*lines)

    assert refused(source) == [f"4: {reason}"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["def inner(): return self._backend.read(k)", "return inner"], 4),
        (["class Inner:", "    def x(self): return other._backend.read(k)"], 5),
    ],
)
def test_nothing_nested_does_io(refused: Refused, lines: list[str], expected: int) -> None:
    source = method(*lines)

    assert refused(source) == [f"{expected}: no I/O in a nested function or class: write a method"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            ["def get(self, k=x._backend.read()): pass"],
            "3: no I/O in a default argument: do it in the body",
        ),
        (
            ["@f(x._backend.read())", "def get(self): pass"],
            "3: no I/O in a decorator: do it in the body",
        ),
        (["size = x._backend.read()"], "3: no I/O in a class statement: write a method"),
        (
            ["class In:", "    def x(self): return self._backend.read()"],
            "4: no I/O in a nested function or class: write a method",
        ),
        (
            ["@property", "def size(self): return self._backend.size()"],
            "4: no I/O in a property: write a method",
        ),
        (
            ["@functools.cached_property", "def size(self): return self._backend.size()"],
            "4: no I/O in a property: write a method",
        ),
        (
            ["@size.setter", "def size(self, n): self._backend.size(n)"],
            "4: no I/O in a property: write a method",
        ),
        (
            ["@staticmethod", "def get(x): return x._backend.read()"],
            "4: no I/O in a static or class method: write a method of the instance",
        ),
        (
            ["@classmethod", "def get(cls): return cls._backend.read()"],
            "4: no I/O in a static or class method: write a method of the instance",
        ),
        (
            ["@contextmanager", "def get(self):", "    self._backend.read()", "    yield"],
            "5: no I/O under contextmanager: write a class with __enter__ and __exit__",
        ),
        (
            ["def get(self) -> Iterator[str]:", "    yield 1"],
            "3: annotate a generator without I/O with Generator or Iterable",
        ),
        (["async def get(self): pass"], f"3: {ASYNC}"),
    ],
)
def test_a_definition_that_cannot_be_coloured_is_refused(
    refused: Refused, lines: list[str], expected: str
) -> None:
    source = inside(*lines)

    assert refused(source) == [expected]


@pytest.mark.parametrize(
    "name", ["__init__", "__del__", "__iter__", "__len__", "__getitem__", "__call__"]
)
def test_a_dunder_does_no_io(refused: Refused, name: str) -> None:
    source = inside(f"def {name}(self):", "    x = 1", "    return self._backend.read()")

    assert refused(source) == [f"5: no I/O in {name}: offer a named method"]


def test_iter_does_not_hand_on_an_iterator_of_io(refused: Refused) -> None:
    source = inside(
        "def scan(self) -> Iterator[str]: return self._backend.scan()",
        "def __iter__(self): return self.scan()",
    )

    assert refused(source) == ["4: no I/O in __iter__: offer a named method"]


def test_a_protocol_has_no_other_dunders(refused: Refused) -> None:
    source = "class Backend(Protocol):\n    def __len__(self) -> int: ...\n"

    assert refused(source) == ["3: no I/O in __len__: offer a named method"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("return map(self.get, k)", "get does I/O: call it here, do not hand it around"),
        ("return super().get", "get does I/O: call it here, do not hand it around"),
        ("return map(load, k)", "load does I/O: call it here, do not hand it around"),
        ("load = 1", "load does I/O: call it here, do not hand it around"),
        ("return lambda load: 1", "load does I/O: call it here, do not hand it around"),
        ("return cls.get(k)", "call get on self, not on the class"),
        ("return Store.get(self, k)", "call get on self, not on the class"),
        ("return list(self.scan())", ELSEWHERE),
        ("return self.scan()", ELSEWHERE),
        ("for x in [*self.scan()]: pass", ELSEWHERE),
        ("with self.scan(): pass", BIND),
        ("with self.get(k): pass", BIND),
        ("with load(k) as x: pass", BIND),
        ("a = self.hold()", "a context manager of I/O stands only in a with or alone in a return"),
        (
            "for x in self.hold(): pass",
            "a context manager of I/O stands only in a with or alone in a return",
        ),
    ],
)
def test_a_routine_that_does_io_stands_only_where_it_fits(
    refused: Refused, line: str, reason: str
) -> None:
    source = inside(
        "def get(self, k): return self._backend.read(k)",
        "def scan(self) -> Iterator[str]: return self._backend.scan()",
        "def hold(self) -> AbstractContextManager[str]: return self._keys.hold()",
        "def use(self, k):",
        "    self._backend.read()",
        f"    {line}",
    )
    source += "def load(x): return x._backend.read()\n"

    assert refused(source) == [f"8: {reason}"]


@pytest.mark.parametrize(
    "line", ["a = self._backend.read()", "return self.get()", "with self._keys.hold(): pass"]
)
def test_what_returns_an_iterator_does_no_other_io(refused: Refused, line: str) -> None:
    source = inside(
        "def get(self): return self._backend.read()",
        "def scan(self) -> Iterator[str]:",
        f"    {line}",
        "    return self._backend.scan()",
    )

    assert refused(source) == ["5: what returns an iterator or a context manager does no other I/O"]


@pytest.mark.parametrize("item", ["self._keys.hold(k)", "self._room"])
def test_nothing_is_yielded_while_a_door_is_held(refused: Refused, item: str) -> None:
    source = method(f"with {item}:", "    if k:", "        yield 1")

    assert refused(source) == ["6: no yield while a door is held: leave the with first"]


@pytest.mark.parametrize("walked", ["self._backend.scan()", "k"])
def test_a_generator_of_io_does_not_yield_from(refused: Refused, walked: str) -> None:
    source = method("self._backend.read(k)", f"yield from {walked}")

    assert refused(source) == ["5: no yield from over I/O: write a for with a yield"]


def test_a_generator_of_io_returns_no_value(refused: Refused) -> None:
    source = method("yield self._backend.read(k)", "return 1")

    assert [line.partition(":")[0] for line in refused(source)] == ["5"]


def test_a_name_is_not_an_iterator_here_and_awaited_there(refused: Refused) -> None:
    source = (
        "class A:\n    def get(self): return self._backend.read()\n"
        "class B(A):\n    def get(self):\n        yield 1\n"
    )

    assert refused(source) == [
        "5: get is an iterator or a context manager here and awaited elsewhere"
    ]


def test_a_door_is_not_called_by_a_local_name(refused: Refused) -> None:
    source = method("door = self._backend", "door.name", "return door.read(k)")

    assert refused(source) == ["6: call a door through its attribute, not through a local name"]


@pytest.mark.parametrize(
    "line",
    ["await x", "async for x in y: pass", "async with x: pass", "[x async for x in y]"],
)
def test_a_source_is_blocking_text(refused: Refused, line: str) -> None:
    source = method("pass", line)

    assert refused(source) == [f"5: {ASYNC}"]


def test_importing_does_no_io(refused: Refused) -> None:
    assert refused("x = y._backend.read()\n") == [
        "2: no I/O while a module is imported: write a function"
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import os, threading", f"no threading here: {WAITING}"),
        ("import asyncio.events as e", f"no asyncio here: {WAITING}"),
        ("from asyncio import sleep", f"no asyncio here: {WAITING}"),
        ("from time import monotonic", f"no time here: {WAITING}"),
        ("import storage", "import from storage with dots"),
        ("import storage.keys", "import from storage with dots"),
        ("from storage import keys", "import from storage with dots"),
        ("from storage.keys import Names", "import from storage with dots"),
        ("from json import *", "no import *: name what is imported"),
        ("from .json import *", "no import *: name what is imported"),
        ("from ..json import x", "this import leads out of storage"),
        (
            "from . import a, b",
            "some of these names have a twin and some do not: import them apart",
        ),
    ],
)
def test_an_import_that_cannot_be_led_is_refused(refused: Refused, line: str, reason: str) -> None:
    source = f"if TYPE_CHECKING:\n    {line}\n"

    assert refused(source, twins=("a",)) == [f"3: {reason}"]


def test_all_refusals_of_a_file_come_at_once_in_order(refused: Refused) -> None:
    source = method("import time", "return self._backend.read(k).raw", "import storage")

    assert [line[0] for line in refused(source)] == ["4", "5", "6"]


def test_io_in_a_long_f_string_is_told_by_the_line_of_its_beginning(refused: Refused) -> None:
    source = method('return f"""', "", '{self._backend.read(k)}"""')

    assert refused(source) == ["4: no I/O in an f-string: bind the reply to a name first"]


def test_what_does_not_compile_is_refused(refused: Refused) -> None:
    assert refused("x = 1\ndef (:\n")[0].startswith("3: this does not compile: ")


def test_line_ends_of_another_kind_are_refused(refused: Refused) -> None:
    assert refused("x = 1\nx = 2\r\n") == ["3: end lines in \\n alone"]


@pytest.mark.parametrize("first", ["", "x = 1\n", " {}", "{} \n", "\ufeff{}\n"])
def test_only_the_exact_first_line_asks_for_a_twin(mirror: Any, first: str) -> None:
    with pytest.raises(mirror.Refusal, match=r"^storage/a\.py:1: the first line is not"):
        mirror.mirror_text(first.format(mirror.MARK), "storage/a.py", bool)


def test_a_refusal_reads_as_path_line_reason(mirror: Any) -> None:
    refusal = mirror.Refusal("storage/x.py", 12, "reason")

    assert str(refusal) == "storage/x.py:12: reason"
    assert (refusal.path, refusal.line, refusal.reason) == ("storage/x.py", 12, "reason")
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)
