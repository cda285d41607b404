"""What the twin of a module looks like, and that it does the same."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

Twin = Callable[..., str]


def inside(*lines: str) -> str:
    """A class `Store` with these lines in it."""
    return "\n".join(["class Store:", *(f"    {line}" for line in lines)]) + "\n"


def method(*lines: str) -> str:
    """A class `Store` whose method `get` has these lines, from the third on."""
    return inside("def get(self, k):", *(f"    {line}" for line in lines))


def body(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n")[2:-1]]


def test_the_first_line_says_who_wrote_the_twin(mirror: Any) -> None:
    source = f'{mirror.MARK}\n"""Words."""\n'

    made = mirror.mirror_text(source, "storage/redis/kv.py", lambda name: False)

    assert made.split("\n") == [
        "# Written by tools/mirror.py from storage/redis/kv.py: change that file and run the tool.",
        '"""Words."""',
        "",
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("return self._backend.read(k)", "return await self._backend.read(k)"),
        ("reply = self._door.send(k)", "reply = await self._door.send(k)"),
        ("other._store.set(k, 1)", "await other._store.set(k, 1)"),
        ("if not self._backend.has(k): pass", "if not await self._backend.has(k): pass"),
        ("while self._backend.has(k): pass", "while await self._backend.has(k): pass"),
        ("a = k and self._keys.free(k) or k", "a = k and await self._keys.free(k) or k"),
        ("a = 1 if self._room.has(k) else 2", "a = 1 if await self._room.has(k) else 2"),
        ("a = f(self._leases.at(k), b=1)", "a = f(await self._leases.at(k), b=1)"),
        (
            "a = f(*self._store.all(), k=self._store.n())",
            "a = f(*await self._store.all(), k=await self._store.n())",
        ),
        ("raise KeyError(self._runtime.now())", "raise KeyError(await self._runtime.now())"),
        ("a = -self._backend.n() ** 2", "a = -await self._backend.n() ** 2"),
        ("a = (self._backend.n())", "a = (await self._backend.n())"),
        ("a = (self)._backend.n()", "a = await (self)._backend.n()"),
        ("if (a := self._backend.n()) > 1: pass", "if (a := await self._backend.n()) > 1: pass"),
        ("assert k in self._backend.names()", "assert k in await self._backend.names()"),
        ("a[self._backend.n()] = [1]", "a[await self._backend.n()] = [1]"),
        (
            "self._backend.write(self._backend.read(k))",
            "await self._backend.write(await self._backend.read(k))",
        ),
        ("for x in f(self._backend.n()): pass", "for x in f(await self._backend.n()): pass"),
        ("for x in self._backend.scan(k): pass", "async for x in self._backend.scan(k): pass"),
        ("with self._keys.hold(k): pass", "async with self._keys.hold(k): pass"),
        (
            "with self._keys.hold(k) as a, self._room.x(): pass",
            "async with self._keys.hold(k) as a, self._room.x(): pass",
        ),
        ("with self._room: pass", "async with self._room: pass"),
        ("with open(self._backend.n()): pass", "with open(await self._backend.n()): pass"),
        ("self._backend.close()", "await self._backend.aclose()"),
    ],
)
def test_a_door_call_is_coloured_by_its_place(twin: Twin, line: str, expected: str) -> None:
    source = method(line)

    assert body(twin(source)) == [expected]
    assert twin(source).split("\n")[1] == "    async def get(self, k):"


@pytest.mark.parametrize(
    "line",
    [
        "return self._backend.name",
        "return self._backend.name.upper()",
        "return f(self._backend)",
        "return self._backend.read",
        "return self._cache.get(k)",
        "return other.get(k)",
        "return [f(x) for x in k if x]",
        "with self._mutex: pass",
        'return f"{k!r:>{k}}"',
    ],
)
def test_what_is_not_io_stays_as_it_is(twin: Twin, line: str) -> None:
    source = method(line)

    assert twin(source) == source


def test_what_spans_lines_keeps_its_lines(twin: Twin) -> None:
    source = method(
        "a = f(  # one",
        "    self._backend.read(  # two",
        "        k,",
        "    ),",
        ")",
        "return (",
        "    k",
        "    or self._backend",
        "    .read(k)",
        ")",
    )

    made = body(twin(source))

    assert made[1] == "await self._backend.read(  # two"
    assert made[7] == "or await self._backend"
    assert len(made) == 10


@pytest.mark.parametrize("before", ["'Ключ'", "'🙂🙂'", "'é' + 'ü'", "ключ"])
def test_columns_are_characters_whatever_stands_before(twin: Twin, before: str) -> None:
    source = method(f"return {before}, self._backend.read(k)")

    assert body(twin(source)) == [f"return {before}, await self._backend.read(k)"]


def test_a_form_feed_or_a_line_separator_moves_nothing(twin: Twin) -> None:
    source = method("a = '\u2028'; self._backend.read(a)", "\f", "self._backend.close()")

    assert body(twin(source)) == [
        "a = '\u2028'; await self._backend.read(a)",
        "",
        "await self._backend.aclose()",
    ]


def test_colour_travels_through_helpers_in_any_order(twin: Twin) -> None:
    source = inside(
        "def a(self): return self.b()",
        "def b(self): return self.c() + self.plain()",
        "def c(self): return self._backend.read()",
        "def plain(self): return 1",
        "def loop(self): return self.loop()",
    )

    assert twin(source) == inside(
        "async def a(self): return await self.b()",
        "async def b(self): return await self.c() + self.plain()",
        "async def c(self): return await self._backend.read()",
        "def plain(self): return 1",
        "def loop(self): return self.loop()",
    )


def test_colour_comes_from_a_base_of_the_same_module(twin: Twin) -> None:
    source = (
        "class A(Generic[V]):\n    def read(self): return self._backend.read()\n"
        "class B(A[V]): pass\n"
        "class C(B[V]):\n    def get(self): return self.read()\n"
        "    def up(self): return super().read()\n"
    )

    made = twin(source)

    assert "async def get(self): return await self.read()" in made
    assert "async def up(self): return await super().read()" in made


def test_what_overrides_and_is_overridden_has_one_colour(twin: Twin) -> None:
    source = (
        "class A:\n    def send(self): raise NotImplementedError\n"
        "    def get(self): return self.send()\n"
        "class B(A):\n    def send(self): return self._door.send()\n"
        "class C(A):\n    def send(self): return 1\n"
        "class D:\n    def send(self): return 1\n"
    )

    made = twin(source)

    assert made.count("async def send") == 3
    assert "async def get(self): return await self.send()" in made
    assert made.endswith("class D:\n    def send(self): return 1\n")


def test_two_bases_that_meet_in_an_override_have_one_colour(twin: Twin) -> None:
    source = (
        "class A:\n    def send(self): pass\n"
        "class B:\n    def send(self): return self._door.send()\n"
        "class C(A, B):\n    def send(self): pass\n"
    )

    assert twin(source).count("async def send") == 3


def test_overloads_have_the_colour_of_their_method(twin: Twin) -> None:
    source = inside(
        "@overload",
        "def get(self, k: str) -> str: ...",
        "@overload",
        "def get(self, k: int) -> int: ...",
        "def get(self, k): return self._backend.read(k)",
    )

    assert twin(source).count("async def get") == 3


def test_overloads_of_an_async_generator_stay_plain(twin: Twin) -> None:
    source = inside(
        "@overload",
        "def scan(self, k: str) -> Iterator[str]: ...",
        "def scan(self, k) -> Iterator[str]:",
        "    for name in self._backend.scan(k):",
        "        yield name",
    )

    assert twin(source) == inside(
        "@overload",
        "def scan(self, k: str) -> AsyncIterator[str]: ...",
        "async def scan(self, k) -> AsyncIterator[str]:",
        "    async for name in self._backend.scan(k):",
        "        yield name",
    )


def test_what_only_returns_an_iterator_stays_plain(twin: Twin) -> None:
    source = inside(
        "def walk(self):",
        "    page = self._backend.page()",
        "    yield page",
        "def keys(self): return self.walk()",
        "def all(self): return self.keys()",
        "def door(self) -> Iterator[str]: return self._backend.scan()",
        "def total(self):",
        "    for _ in self.all(): pass",
        "    for _ in self.door(): pass",
        "    for _ in self.total(): pass",
    )

    assert twin(source) == inside(
        "async def walk(self):",
        "    page = await self._backend.page()",
        "    yield page",
        "def keys(self): return self.walk()",
        "def all(self): return self.keys()",
        "def door(self) -> AsyncIterator[str]: return self._backend.scan()",
        "async def total(self):",
        "    async for _ in self.all(): pass",
        "    async for _ in self.door(): pass",
        "    for _ in await self.total(): pass",
    )


def test_what_only_returns_a_context_manager_stays_plain(twin: Twin) -> None:
    source = inside(
        "def hold(self) -> AbstractContextManager[None]: return self._keys.hold(1)",
        "def get(self):",
        "    with self.hold(): pass",
    )

    assert twin(source) == inside(
        "def hold(self) -> AbstractAsyncContextManager[None]: return self._keys.hold(1)",
        "async def get(self):",
        "    async with self.hold(): pass",
    )


def test_a_class_of_the_module_is_entered_as_a_door_is(twin: Twin) -> None:
    source = (
        "class Edit:\n    def __enter__(self): return self\n"
        "    def __exit__(self, *error): return None\n"
        "def edit():\n    with Edit() as draft: return draft\n"
    )

    assert twin(source) == (
        "class Edit:\n    async def __aenter__(self): return self\n"
        "    async def __aexit__(self, *error): return None\n"
        "async def edit():\n    async with Edit() as draft: return draft\n"
    )


def test_closing_and_entering_are_always_awaited(twin: Twin) -> None:
    source = inside(
        "def close(self): pass",
        "def __enter__(self): return self",
        "def __exit__(self, *error): self.close()",
    )

    assert twin(source) == inside(
        "async def aclose(self): pass",
        "async def __aenter__(self): return self",
        "async def __aexit__(self, *error): await self.aclose()",
    )


def test_a_protocol_is_awaited_but_for_properties_and_iterators(twin: Twin) -> None:
    source = (
        "class Backend(Protocol[V]):\n    label: str\n"
        "    @property\n    def name(self) -> str: ...\n"
        "    def read(self) -> bytes: ...\n"
        "    def scan(self) -> Iterator[str]: ...\n"
        "    def hold(self) -> AbstractContextManager[None]: ...\n"
        "class Memory(Backend[V]):\n    def read(self) -> bytes: return b''\n"
    )

    assert twin(source) == (
        "class Backend(Protocol[V]):\n    label: str\n"
        "    @property\n    def name(self) -> str: ...\n"
        "    async def read(self) -> bytes: ...\n"
        "    def scan(self) -> AsyncIterator[str]: ...\n"
        "    def hold(self) -> AbstractAsyncContextManager[None]: ...\n"
        "class Memory(Backend[V]):\n    async def read(self) -> bytes: return b''\n"
    )


def test_a_function_of_the_module_is_coloured_too(twin: Twin) -> None:
    source = (
        "def load(store): return store._backend.read()\n"
        "def pages(store):\n    while load(store): yield 1\n"
        "class Store:\n    load: int = 1\n    def get(self):\n        for x in pages(self): pass\n"
        "        return load(self)\n"
    )

    assert twin(source) == (
        "async def load(store): return await store._backend.read()\n"
        "async def pages(store):\n    while await load(store): yield 1\n"
        "class Store:\n    load: int = 1\n    async def get(self):\n"
        "        async for x in pages(self): pass\n        return await load(self)\n"
    )


def test_decorators_and_definitions_under_an_if_are_kept(twin: Twin) -> None:
    source = inside(
        "if True:",
        "    @final",
        "    @named('close')",
        "    def get(self): return self._backend.read()",
    )

    assert "    @named('close')\n        async def get" in twin(source)


def test_only_names_are_renamed_never_words(twin: Twin) -> None:
    source = (
        '"""close an Iterator, __enter__ it."""\n'
        "# close the Iterator, __exit__\n"
        "from collections.abc import Iterator\n"
        "from contextlib import AbstractContextManager as Held\n"
        "text = 'close', \"Iterator\", f'close {1} __enter__', rb'close'\n"
        "closed = disclose = dict(close=Iterator)\n"
    )

    assert twin(source) == (
        '"""close an Iterator, __enter__ it."""\n'
        "# close the Iterator, __exit__\n"
        "from collections.abc import AsyncIterator\n"
        "from contextlib import AbstractAsyncContextManager as Held\n"
        "text = 'close', \"Iterator\", f'close {1} __enter__', rb'close'\n"
        "closed = disclose = dict(aclose=AsyncIterator)\n"
    )


DEEP = "storage/redis/kv.py"


@pytest.mark.parametrize(
    ("path", "line", "twins", "expected"),
    [
        ("storage/a.py", "from .errors import X", (), "from ..errors import X"),
        ("storage/a.py", "from .errors import X", ("errors",), "from .errors import X"),
        ("storage/a.py", "from . import b, c", (), "from .. import b, c"),
        ("storage/a.py", "from . import b, c", ("b", "c"), "from . import b, c"),
        ("storage/a.py", "from .core.x import y", ("core",), "from ..core.x import y"),
        ("storage/__init__.py", "from .a import b", ("a",), "from .a import b"),
        ("storage/a.py", "from json import dumps", (), "from json import dumps"),
        (DEEP, "from ..ttl import TTL", (), "from ...ttl import TTL"),
        (DEEP, "from ..ttl import TTL", ("ttl",), "from ..ttl import TTL"),
        (DEEP, "from .door import Door", ("redis.door",), "from .door import Door"),
        (DEEP, "from .door import Door", ("door",), "from ...redis.door import Door"),
        (DEEP, "from . import wire", (), "from ...redis import wire"),
        (DEEP, "from . import wire", ("redis.wire",), "from . import wire"),
        (DEEP, "from .. import keys", (), "from ... import keys"),
        ("storage/a/b/c.py", "from ..x import y", (), "from ....a.x import y"),
        ("storage/a/b/c.py", "from ...x import y", (), "from ....x import y"),
    ],
)
def test_an_import_leads_to_the_twin_or_else_to_the_source(
    twin: Twin, path: str, line: str, twins: tuple[str, ...], expected: str
) -> None:
    source = f"x = 1\n{line}  # why\n"

    assert twin(source, path, twins) == f"x = 1\n{expected}  # why\n"


def test_imports_in_blocks_and_over_lines_are_found(twin: Twin) -> None:
    source = (
        "if TYPE_CHECKING:\n    if 1:\n        x = 1\n"
        "    from .a import (\n        b,  # close\n    )\n"
        "def f():\n    if 1:\n        'é'; from  .  c import d\n"
        "    from \\\n        .e import g\n"
    )

    assert twin(source) == (
        "if TYPE_CHECKING:\n    if 1:\n        x = 1\n"
        "    from ..a import (\n        b,  # close\n    )\n"
        "def f():\n    if 1:\n        'é'; from  ..  c import d\n"
        "    from \\\n        ..e import g\n"
    )


BLOCKING = '''
from collections.abc import Iterator


class Counter:
    """Numbers by name; close is a word here."""

    def __init__(self, backend: object) -> None:
        self._backend = backend
        self._keys = backend

    def get(self, name: str) -> int:
        reply = self._backend.read(name)
        return reply or 0

    def add(self, name: str, by: int) -> int:
        with self._keys.hold(name):
            total = self.get(name) + by
            self._backend.write(name, total)
            return total

    def names(self, prefix: str) -> Iterator[str]:
        for name in self._backend.scan():
            if name.startswith(prefix):
                yield name

    def everything(self) -> Iterator[str]:
        return self.names("")

    def total(self) -> int:
        total = 0
        for name in self.everything():
            total += self.get(name)
        return total

    def close(self) -> None:
        self._backend.close()

    def __enter__(self) -> "Counter":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
'''


class Fake:
    """A blocking door that keeps a journal."""

    def __init__(self) -> None:
        self.data: dict[str, int] = {}
        self.journal: list[str] = []

    def read(self, name: str) -> int | None:
        self.journal.append(f"read {name}")
        return self.data.get(name)

    def write(self, name: str, value: int) -> None:
        self.journal.append(f"write {name}")
        self.data[name] = value

    def scan(self) -> Iterator[str]:
        yield from sorted(self.data)

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        self.journal.append(f"hold {name}")
        yield
        self.journal.append(f"free {name}")

    def close(self) -> None:
        self.journal.append("close")


class AsyncFake:
    """The same door for asyncio, over the same journal."""

    def __init__(self) -> None:
        self.fake = Fake()

    async def read(self, name: str) -> int | None:
        await asyncio.sleep(0)
        return self.fake.read(name)

    async def write(self, name: str, value: int) -> None:
        self.fake.write(name, value)

    async def scan(self) -> Any:
        for name in self.fake.scan():
            yield name

    @asynccontextmanager
    async def hold(self, name: str) -> Any:
        held: AbstractContextManager[None] = self.fake.hold(name)
        with held:
            yield

    async def aclose(self) -> None:
        self.fake.close()


Step = tuple[str, str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["get", "add", "total"]), st.sampled_from("abc"), st.integers(-9, 9))
)


def call(counter: Any, step: Step) -> Any:
    verb, name, by = step
    arguments = {"get": (name,), "add": (name, by), "total": ()}[verb]
    return getattr(counter, verb)(*arguments)


def run_blocking(made: Any, steps: list[Step]) -> tuple[list[object], list[str]]:
    door = Fake()
    with made(door) as counter:
        results = [call(counter, step) for step in steps]
        return [*results, list(counter.names("a"))], door.journal


async def run_twin(made: Any, steps: list[Step]) -> tuple[list[object], list[str]]:
    door = AsyncFake()
    async with made(door) as counter:
        results = [await call(counter, step) for step in steps]
        return [*results, [name async for name in counter.names("a")]], door.fake.journal


def built(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(text, "counter", "exec"), names)
    return names["Counter"]


@pytest.fixture(scope="module")
def colours(mirror: Any) -> tuple[Any, Any]:
    source = mirror.MARK + BLOCKING
    return built(source), built(mirror.mirror_text(source, "storage/c.py", lambda name: False))


@settings(deadline=None)
@given(steps=STEPS)
def test_a_twin_does_what_its_source_does(colours: tuple[Any, Any], steps: list[Step]) -> None:
    blocking, twin = colours

    assert asyncio.run(run_twin(twin, steps)) == run_blocking(blocking, steps)


def test_a_twin_is_its_source_but_for_what_is_inserted(twin: Twin) -> None:
    made = twin(BLOCKING)

    for old, new in zip(BLOCKING.split("\n"), made.split("\n"), strict=True):
        left = iter(new)
        assert all(letter in left for letter in old)
    assert isinstance(ast.parse(made), ast.Module)
