"""Which types there are, what of them comes back, and what is refused."""

from __future__ import annotations

import dataclasses
import enum
import sys
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from typing_extensions import NotRequired

import storage
from storage import ConfigurationError, MismatchError, UnstorableError, shapes
from storage.core.typed import TypedCodec
from storage.fidelity import difference
from storage.testing import strategies
from tests.typed.kinds import DataUser, DictUser, ModelUser, StructUser


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(NamedTuple):
    x: int
    y: int = 0


class Partial(TypedDict, total=False):
    step: int
    note: str


class Mixed(TypedDict):
    step: int
    note: NotRequired[str]


@dataclass
class Rich:
    at: datetime
    day: date
    price: Decimal
    token: UUID
    mood: Mood
    level: Level
    span: timedelta
    raw: bytes
    tags: set[str] = dataclasses.field(default_factory=set)
    frozen: frozenset[int] = frozenset()
    pair: tuple[int, str] = (0, "")
    point: Point | None = None
    users: list[DataUser] = dataclasses.field(default_factory=list)
    by_id: dict[int, DataUser] = dataclasses.field(default_factory=dict)
    maybe: DictUser | None = None
    either: int | str | None = None
    word: Literal["a", "b"] = "a"
    anything: Any = None
    more: object = None


@dataclass(frozen=True)
class Node:
    name: str
    kids: list[Node] = dataclasses.field(default_factory=list)


class Cat(msgspec.Struct, tag=True):
    lives: int = 9


class Dog(msgspec.Struct, tag=True):
    name: str


@dataclass
class Owner:
    pet: Cat | Dog
    model: str = ""


class House(pydantic.BaseModel):
    address: str = pydantic.Field(alias="where")
    built: datetime
    owners: list[ModelUser] = []
    mood: Mood = Mood.GOOD


NAIVE = datetime.fromisoformat("2030-01-01")
RICH = Rich(
    at=datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=timezone.utc),
    day=date(2030, 1, 2),
    price=Decimal("2.50"),
    token=UUID(int=7),
    mood=Mood.BAD,
    level=Level.HIGH,
    span=timedelta(days=1, milliseconds=5),
    raw=b"\x00\xff",
    tags={"a", "b"},
    frozen=frozenset({3}),
    pair=(7, "x"),
    point=Point(1),
    users=[DataUser("Ann", 30)],
    by_id={7: DataUser("Bob", 31)},
    maybe={"name": "Eve", "age": 1, "tags": []},
    either="text",
    anything={"free": [1, 1.0, None]},
    more=[{"deep": "é"}],
)

GOOD: list[tuple[Any, Any]] = [
    (int, 5),
    (float, 1.5),
    (float, 2),
    (str, "text"),
    (bool, True),
    (None, None),
    (list[int], [1, 2]),
    (dict[str, list[float]], {"a": [1.0, 2.5]}),
    (dict[int, str], {7: "x"}),
    (tuple[int, ...], (1, 2)),
    (set[str], {"a", "b"}),
    (int | None, None),
    (DictUser | None, {"name": "Ann", "age": 1, "tags": []}),
    (Literal["a", "b"], "b"),
    (Mood, Mood.GOOD),
    (datetime, datetime(2030, 1, 1, tzinfo=timezone.utc)),
    (datetime, NAIVE),
    (Partial, {}),
    (Partial, {"note": "x"}),
    (Mixed, {"step": 1}),
    (Point, Point(1, 2)),
    (list[StructUser], [StructUser("Ann", 30)]),
    (list[ModelUser], [ModelUser(name="Ann", age=30)]),
    (ModelUser | None, None),
    (Rich, RICH),
    (Node, Node("a", [Node("b", [Node("c")])])),
    (Owner, Owner(Dog("Rex"))),
    (Owner, Owner(Cat())),
    (House, House(where="here", built=NAIVE, owners=[ModelUser(name="a", age=1)])),
    (Annotated[int, msgspec.Meta(ge=1)], 5),
    (Annotated[int, ["without a hash"]], 5),
    (Any, {"a": [1, 1.0, None, "é", True]}),
    (object, [{"a": 1}]),
]


def refused(kind: Any, value: Any) -> tuple[str, str]:
    """Where and why *value* can not be stored as *kind*."""
    with pytest.raises(UnstorableError) as caught:
        storage.MemoryStorage().typed(kind).set("k", value)
    return caught.value.path, caught.value.reason


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_what_comes_back_is_of_the_type_and_equal(memory: Any, kind: Any, value: Any) -> None:
    values = memory.typed(kind)
    values.set("k", value)

    back = values.get("k")

    assert back == value
    assert type(back) is (float if kind is float else type(value))
    assert values.update("k", lambda value: value) == value
    assert values.swap("k", back, back)


@pytest.mark.parametrize(("kind", "value"), GOOD)
def test_both_codecs_write_and_read_the_same(kind: Any, value: Any) -> None:
    slow, fast = (
        TypedCodec(plain, kind) for plain in (storage.JsonCodec(), storage.FastJsonCodec())
    )

    assert slow.encode(value) == fast.encode(value)
    assert slow.decode(fast.encode(value)) == fast.decode(slow.encode(value)) == value


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        ((1, 2), "$", "tuple is not a JSON type; make it a list"),
        ({"a": [Decimal(1)]}, "$.a[0]", "Decimal is not a JSON type; store it as text"),
        (Mood.GOOD, "$", "Mood is not a JSON type; store its value"),
        ([Level.LOW], "$[0]", "Level is not a JSON type; store its value"),
        ({"a": {1, 2}}, "$.a", "set is not a JSON type; make it a list"),
        ({1: "x"}, "$", "a member's name must be a str, not int"),
        (NAIVE, "$", "store it as text or as a number of seconds"),
        (DataUser("Ann", 1), "$", "DataUser is not a JSON type"),
        ([object()], "$[0]", "object is not a JSON type"),
        ({"a": float("nan")}, "$.a", "JSON has no NaN and no infinity"),
        (2**53, "$", "an integer beyond 2**53 - 1"),
    ],
)
@pytest.mark.parametrize("kind", [Any, object, dict, list])
def test_what_is_not_declared_is_what_a_plain_store_takes(
    kind: Any, value: Any, path: str, reason: str
) -> None:
    if kind is dict:
        value, path = {"in": value}, f"$.in{path[1:]}"
    elif kind is list:
        value, path = [value], f"$[0]{path[1:]}"

    at, why = refused(kind, value)

    assert at == path
    assert reason in why


@given(strategies.values())
def test_of_anything_the_bytes_are_those_of_a_plain_store(value: Any) -> None:
    plain, typed = storage.JsonCodec(), TypedCodec(storage.JsonCodec(), object)

    assert typed.encode(value) == plain.encode(value)
    assert storage.values.same(typed.decode(typed.encode(value)), value)


def test_what_is_read_and_was_not_written_is_a_difference() -> None:
    assert difference({"a": 1}, {"a": 1, "b": 2}) == ("$", "it would come back with more members")


def test_a_name_that_json_can_not_have_is_told() -> None:
    for kind, name in ((dict[tuple[int, int], int], (1, 2)), (dict[bool, int], True)):
        path, reason = refused(kind, {name: 3})
        assert (path, reason) == ("$", f"a member's name must be a str, not {type(name).__name__}")


class Loud(str):
    __slots__ = ()


@dataclass
class Puppy(DataUser):
    breed: str = ""


@pytest.mark.parametrize(
    ("value", "path", "reason"),
    [
        (Puppy("Rex", 1), "$", "expected DataUser, got Puppy"),
        (DataUser("Ann", 1, ["a", Loud("b")]), "$.tags[1]", "it would come back as str"),
        (DataUser("Ann", 1, ("a",)), "$.tags", "make it a list"),  # type: ignore[arg-type]
        (DataUser("Ann", 2**60), "$.age", "an integer beyond 2**53 - 1"),
        (DataUser("\ud83d\ude00", 1), "$.name", "surrogate"),
    ],
)
def test_nothing_is_turned_into_what_the_type_wants(value: Any, path: str, reason: str) -> None:
    at, why = refused(DataUser, value)

    assert at == path
    assert reason in why


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"at": "2030-01-02T03:04:05Z"}, "$.at"),
        ({"price": "2.50"}, "$.price"),
        ({"tags": ["a"]}, "$.tags"),
        ({"mood": "good"}, "$.mood"),
        ({"level": 2}, "$.level"),
        ({"pair": [7, "x"]}, "$.pair"),
        ({"anything": (1,)}, "$.anything"),
        ({"more": {"a": Decimal(1)}}, "$.more.a"),
        ({"users": [DataUser("Ann", "1")]}, "$.users[0].age"),  # type: ignore[arg-type]
        ({"maybe": {"name": "Ann", "age": 1}}, "$.maybe.tags"),
        ({"maybe": {"name": "Ann", "age": 1, "tags": [], "nick": ""}}, "$.maybe.nick"),
        ({"word": "c"}, "$.word"),
    ],
)
def test_the_path_leads_into_the_object(changes: Any, path: str) -> None:
    at, _ = refused(Rich, dataclasses.replace(RICH, **changes))

    assert at == path


def test_a_thing_that_contains_itself_is_refused_with_its_path() -> None:
    node = Node("a")
    node.kids.append(node)
    endless: list[Any] = []
    endless.append(endless)

    assert refused(Node, node) == ("$.kids[0]", "contains itself")
    assert refused(object, endless) == ("$[0]", "contains itself")


def test_levels_end_where_those_of_a_plain_store_do() -> None:
    deepest: Any = None
    for _ in range(100):
        deepest = [deepest]
    storage.MemoryStorage().typed(object).set("k", deepest)

    endless = deepest
    for _ in range(100_000):
        endless = [endless]

    assert (
        refused(object, [deepest])[1] == refused(object, endless)[1] == "nested more than 100 deep"
    )


def test_half_a_surrogate_pair_is_read_and_written(memory: Any) -> None:
    users = memory.typed(DataUser)
    users.set("ann", DataUser("half \ud83d", 1))

    assert users.get("ann") == DataUser("half \ud83d", 1)
    assert memory.get("ann")["name"] == "half \ud83d"


@pytest.mark.parametrize("plain", [storage.JsonCodec, storage.FastJsonCodec])
def test_the_limits_of_the_plain_codec_hold(plain: Any) -> None:
    users = TypedCodec(plain(max_bytes=60), DataUser)

    with pytest.raises(UnstorableError, match="60 allowed"):
        users.encode(DataUser("x" * 60, 1))
    with pytest.raises(ValueError, match="60 allowed"):
        users.decode(b'{"name":"Ann","age":1}' + b" " * 60)
    with pytest.raises(UnstorableError, match="beyond"):
        users.encode(DataUser("Ann", 2**53))
    wide = TypedCodec(plain(big_integers=True), DataUser)
    assert wide.decode(wide.encode(DataUser("Ann", 2**53))).age == 2**53


class Upper:
    """A codec of a user's own."""

    def encode(self, value: Any, /) -> bytes:
        return storage.JsonCodec().encode(value).swapcase()

    def decode(self, raw: bytes, /) -> Any:
        return storage.JsonCodec().decode(raw.swapcase())

    def same(self, old: bytes, new: bytes, /) -> bool:
        return old == new


def test_a_codec_of_ones_own_is_spoken_beneath_the_type() -> None:
    store = storage.MemoryStorage(codec=Upper())
    users = store.typed(DataUser)
    users.set("ann", DataUser("Ann", 1))

    assert users.get("ann") == DataUser("Ann", 1)
    assert store.get("ann") == {"name": "Ann", "age": 1, "tags": []}
    assert store._backend.read("ann") == b'{"NAME":"aNN","AGE":1,"TAGS":[]}'


@pytest.mark.parametrize(
    "kind",
    [
        *(complex, list[complex], type, 5, "DataUser", object()),
        *(DataUser | Node, dict[str, Upper], list[ModelUser | StructUser]),
    ],
)
def test_what_is_no_type_of_json_is_refused_when_it_is_named(memory: Any, kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="can not be stored"):
        memory.typed(kind)


def test_counting_is_done_by_the_backend_where_all_integers_are_of_the_type(memory: Any) -> None:
    assert memory.typed(int).incr("a", 2) == 2
    assert memory.typed(int | str).incr("a") == 3
    assert memory.typed(int).get("a") == 3

    few = memory.typed(Annotated[int, msgspec.Meta(le=1)])
    assert few.incr("b") == 1
    with pytest.raises(UnstorableError):
        few.incr("b")
    assert memory.get("b") == 1


def test_a_stored_integer_that_is_too_long_for_us_is_read(memory: Any) -> None:
    raw = b"1" + b"0" * 40
    codec = TypedCodec(storage.JsonCodec(), int)

    assert codec.decode(raw) == 10**40
    assert TypedCodec(storage.JsonCodec(), list[int]).decode(b"[%b]" % raw) == [10**40]


@attrs.define
class Even:
    number: int = attrs.field()

    @number.validator
    def _even(self, attribute: Any, value: int) -> None:
        if value % 2:
            raise ValueError(f"Expected an even number, not {value}")


@dataclass
class Strict:
    name: str

    def __post_init__(self) -> None:
        if self.name == "secret-1":
            raise ValueError(f"Expected something else than {self.name}")
        if self.name == "secret-2":
            raise LookupError(self.name)


class Checked(pydantic.BaseModel):
    name: str
    mood: Mood = Mood.GOOD

    @pydantic.field_validator("name")
    @classmethod
    def _no_secret(cls, name: str) -> str:
        if name.startswith("secret"):
            raise ValueError(f"not {name}") if name == "secret-1" else LookupError(name)
        return name


class Counts(pydantic.BaseModel):
    by_number: dict[int, int] = {}
    by_either: dict[int | UUID, int] = {}
    inside: dict[int, dict[int, int]] = {}
    named: int = pydantic.Field(0, alias="[key]")


SECRETS: list[tuple[Any, Any]] = [
    (Counts, {"by_number": {"secret-1": 1}}),
    (Counts, {"by_either": {"secret-1": 1}}),
    (Counts, {"inside": {"1": {"secret-1": 1}}}),
    (Counts, {"[key]": "secret-1"}),
    (Strict, {"name": "secret-1"}),
    (Strict, {"name": "secret-2"}),
    (Checked, {"name": "secret-1"}),
    (Checked, {"name": "secret-2"}),
    (dict[int, int], {"secret-1": 1}),
    (Checked, {"name": "Ann", "mood": "secret-1"}),
    (Checked, {"name": ["secret-1"]}),
    (Mood, "secret-1"),
    (Literal["a"], "secret-1"),
    (datetime, "secret-1"),
    (UUID, "secret-1"),
    (Decimal, "secret-1"),
    (int, "secret-1"),
    (Owner, {"pet": {"type": "secret-1"}}),
    (Owner, {"pet": {"type": "Dog", "name": {"secret-1": 1}}}),
    (dict[str, int], {"a": "secret-1"}),
]


@pytest.mark.parametrize(("kind", "stored"), SECRETS)
@pytest.mark.parametrize("codec", [storage.JsonCodec(), storage.FastJsonCodec(), Upper()])
def test_no_error_shows_what_is_stored(kind: Any, stored: Any, codec: Any) -> None:
    store = storage.MemoryStorage(codec=codec)
    store.set("k", stored)

    with pytest.raises(MismatchError) as caught:
        store.typed(kind).get("k")

    seen: BaseException | None = caught.value
    while seen is not None:
        assert "secret" not in f"{seen}{seen!r}{seen.args}"
        assert seen.__context__ is seen.__cause__
        seen = seen.__cause__


class PlainCounts(msgspec.Struct):
    by_number: dict[int, int] = {}


@pytest.mark.parametrize("kind", [Counts, PlainCounts])
def test_the_path_to_a_name_that_is_wrong_is_that_of_its_dict(memory: Any, kind: Any) -> None:
    memory.set("k", {"by_number": {"x": 1}})

    with pytest.raises(MismatchError) as caught:
        memory.typed(kind).get("k")

    assert caught.value.path == "$.by_number"


def test_a_validator_of_ones_own_refuses_what_is_stored(memory: Any) -> None:
    memory.set("k", {"number": 3})

    with pytest.raises(MismatchError, match="the type does not allow"):
        memory.typed(Even).get("k")
    memory.set("k", {"number": 4})
    assert memory.typed(Even).get("k") == Even(4)


def test_without_msgspec_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "msgspec", None)
    shapes._known.cache_clear()

    with pytest.raises(ConfigurationError, match=r"pip install 'chatstorage\[typed\]'"):
        storage.MemoryStorage().typed(int)
    users = storage.MemoryStorage().typed(ModelUser)
    users.set("ann", ModelUser(name="Ann", age=1))
    assert users.get("ann") == ModelUser(name="Ann", age=1)
