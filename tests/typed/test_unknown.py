"""Members that newer code wrote: not shown, and not lost by a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import storage
import storage.aio
from storage import ConflictError, MismatchError, UnstorableError
from storage.core.unknown import UnplacedError, carried, unknown
from storage.testing import driven
from storage.values import same
from tests.typed.kinds import KINDS, PLAIN, StructUser, part, put, with_name

NEWER = {**PLAIN, "nick": "An", "settings": {"dark": True}}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def users(request: pytest.FixtureRequest, store: Any) -> Any:
    store.set("ann", NEWER)
    return store.typed(request.param)


def test_what_the_type_does_not_know_is_not_shown(users: Any) -> None:
    assert not hasattr(users.get("ann"), "nick")
    assert part(users.get("ann"), "name") == "Ann"


def test_update_leaves_it_where_it_is(users: Any, store: Any) -> None:
    users.update("ann", lambda user: with_name(user, "Bob"))

    assert store.get("ann") == {**NEWER, "name": "Bob"}


def test_the_same_value_back_writes_nothing(users: Any, store: Any) -> None:
    users.update("ann", lambda user: user)
    with users.edit("ann"):
        pass

    assert store.get("ann") == NEWER


def test_edit_leaves_it_where_it_is(users: Any, store: Any) -> None:
    with users.edit("ann") as draft:
        put(draft, "age", 31)

    assert store.get("ann") == {**NEWER, "age": 31}


def test_edit_leaves_what_came_meanwhile_where_it_is(users: Any, store: Any) -> None:
    with users.edit("ann") as draft:
        put(draft, "age", 31)
        store.set("ann", {**NEWER, "name": "Bob", "nick": "Bo", "more": 1})

    assert store.get("ann") == {**NEWER, "age": 31, "name": "Bob", "nick": "Bo", "more": 1}


def test_swap_leaves_it_where_it_is(users: Any, store: Any) -> None:
    assert users.swap("ann", users.get("ann"), with_name(users.get("ann"), "Bob"))

    assert store.get("ann") == {**NEWER, "name": "Bob"}


def test_set_replaces_the_whole_value(users: Any, store: Any) -> None:
    users.set("ann", users.get("ann"))

    assert store.get("ann") == PLAIN


@dataclass
class Item:
    name: str
    count: int = 1


@dataclass
class Cart:
    items: list[Item] = field(default_factory=list)
    by_name: dict[str, Item] = field(default_factory=dict)
    first: Item | None = None


CART = {
    "items": [{"name": "tea", "note": "hot"}, {"name": "milk"}, {"name": "bread", "note": "fresh"}],
    "by_name": {"tea": {"name": "tea", "note": "hot"}},
    "first": {"name": "tea", "note": "hot"},
}


@pytest.fixture
def carts(memory: Any) -> Any:
    memory.set("k", CART)
    return memory.typed(Cart)


def changed(carts: Any, memory: Any, **changes: Any) -> Any:
    """What is stored after *changes* of fields."""

    def change(cart: Cart) -> Cart:
        for name, new in changes.items():
            setattr(cart, name, new(getattr(cart, name)))
        return cart

    carts.update("k", change)
    return memory.get("k")


def test_it_stays_deep_inside_of_objects(carts: Any, memory: Any) -> None:
    def more(item: Item) -> Item:
        item.count += 1
        return item

    now = changed(carts, memory, first=more, by_name=lambda items: {"tea": more(items["tea"])})

    assert now["first"] == {"name": "tea", "count": 2, "note": "hot"}
    assert now["by_name"] == {"tea": {"name": "tea", "count": 2, "note": "hot"}}
    assert now["items"] == CART["items"]


def test_what_is_taken_away_takes_it_along(carts: Any, memory: Any) -> None:
    now = changed(
        carts, memory, first=lambda item: None, by_name=lambda items: {}, items=lambda items: []
    )

    assert now == {"items": [], "by_name": {}, "first": None}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda items: [*items, Item("jam")], [0, 1, 2, None]),
        (lambda items: [Item("jam"), *items], [None, 0, 1, 2]),
        (lambda items: [items[0], Item("jam"), items[2]], [0, None, 2]),
        (lambda items: items[:1] + items[2:], [0, 2]),
        (lambda items: items[1:], [1, 2]),
    ],
)
def test_items_that_stay_in_a_list_keep_it(carts: Any, memory: Any, change: Any, kept: Any) -> None:
    old: Any = CART["items"]
    new = {"name": "jam", "count": 1}

    now = changed(carts, memory, items=change)

    assert now["items"] == [new if place is None else old[place] for place in kept]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda items: [Item("tea", 2), *items[1:]], "$.items[0].note"),
        (lambda items: items[::-1], "$.items[0].note"),
        (lambda items: [*items[:2], Item("cake")], "$.items[2].note"),
    ],
)
def test_a_change_that_would_lose_it_is_refused(
    carts: Any, memory: Any, change: Any, path: str
) -> None:
    with pytest.raises(MismatchError) as caught:
        changed(carts, memory, items=change)

    assert (caught.value.path, caught.value.key) == (path, "k")
    assert memory.get("k") == CART


class Tag(msgspec.Struct, frozen=True):
    name: str


class Coloured(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    color: str = "none"
    inner: frozenset[Tag] = frozenset()


class ModelTag(pydantic.BaseModel, frozen=True):
    name: str


def in_order(data: Any) -> Any:
    """*data* with one order for all lists."""
    if isinstance(data, dict):
        return {name: in_order(data[name]) for name in sorted(data)}
    return sorted(map(in_order, data), key=str) if isinstance(data, list) else data


TAGS = [{"name": name, "note": name.upper()} for name in ("tea", "milk", "bread", "jam")]
IN_SETS: list[Any] = [Tag, Coloured, ModelTag]


@pytest.mark.parametrize("kind", IN_SETS)
@pytest.mark.parametrize("gone", range(4))
def test_items_that_stay_in_a_set_keep_it(memory: Any, kind: Any, gone: int) -> None:
    """A set has another order than the list in which it is stored, and in each process its own."""
    memory.set("k", TAGS)
    left = [tag for tag in TAGS if tag is not TAGS[gone]]

    memory.typed(set[kind]).update("k", lambda tags: tags - {kind(name=TAGS[gone]["name"])})

    assert in_order(memory.get("k")) == in_order(left)


@pytest.mark.parametrize("kind", IN_SETS)
def test_what_is_added_to_a_set_takes_nothing_from_what_was_there(memory: Any, kind: Any) -> None:
    memory.set("k", {"tags": TAGS, "more": 1})
    holder = msgspec.defstruct("Holder", [("tags", set[kind])])
    held = dataclass(type("Held", (), {"__annotations__": {"tags": set[kind]}}))
    store = memory.typed(held if kind is ModelTag else holder)

    with store.edit("k") as draft:
        draft.tags.add(kind(name="salt"))

    now = memory.get("k")
    salt = next(tag for tag in now["tags"] if tag["name"] == "salt")
    assert "note" not in salt
    assert now["more"] == 1
    assert in_order(now["tags"]) == in_order([*TAGS, salt])


@pytest.mark.parametrize("kind", IN_SETS)
def test_an_item_of_a_set_that_may_be_changed_is_not_lost(memory: Any, kind: Any) -> None:
    """Nobody can tell an item that was changed from one that was added."""
    memory.set("k", TAGS)
    tea, green = kind(name="tea"), kind(name="green tea")

    with pytest.raises(MismatchError) as caught:
        memory.typed(set[kind]).update("k", lambda tags: tags - {tea} | {green})

    assert (caught.value.path, caught.value.key) == ("$[0].note", "k")
    assert memory.get("k") == TAGS


def test_items_that_are_one_to_the_type_all_stay(memory: Any) -> None:
    two = [{"name": "tea", "note": 1}, {"name": "milk"}, {"name": "tea", "note": 2}]
    memory.set("k", two)
    tags = memory.typed(set[Tag])

    assert tags.update("k", lambda tags: tags - {Tag("milk")}) == {Tag("tea")}
    assert in_order(memory.get("k")) == in_order([two[0], two[2]])


def test_sets_inside_of_items_are_compared_without_an_order(memory: Any) -> None:
    items = [{"name": "tea", "inner": TAGS, "note": 1}, {"name": "milk"}]

    for kind in (set[Coloured], list[Coloured]):
        memory.set("k", [*items, {"name": "jam", "color": "red", "inner": TAGS}])
        memory.typed(kind).update(
            "k", lambda tags: type(tags)(tag for tag in tags if tag.name != "jam")
        )
        assert in_order(memory.get("k")) == in_order(items)


def test_a_set_of_which_the_type_knows_all_can_be_changed(memory: Any) -> None:
    """Members that are left out where they are as ever are not unknown to the others."""
    memory.set("k", [{"name": "a", "color": "red"}, {"name": "b"}, {"name": "c", "color": "blue"}])
    tags = memory.typed(set[Coloured])
    new = {Coloured("a", "green"), Coloured("b"), Coloured("d")}

    assert tags.update("k", lambda _: new) == new
    assert tags.get("k") == new
    memory.set("n", [1, 1, 2, 3, 3])
    assert memory.typed(set[int]).update("n", lambda some: some - {3} | {5}) == {1, 2, 5}
    assert sorted(memory.get("n")) == [1, 2, 5]


def test_a_set_that_can_not_be_small_takes_nothing_from_one_item_to_another(memory: Any) -> None:
    """No item of it can be read alone."""
    some = [{"name": "a", "color": "red", "note": 1}, {"name": "b"}, {"name": "c", "color": "blue"}]
    memory.set("k", [*some, {"name": "d", "inner": [{"name": "e", "note": 2}]}])
    inner = frozenset({Tag("e")})
    tags = memory.typed(Annotated[set[Coloured], msgspec.Meta(min_length=2)])

    tags.update("k", lambda tags: tags - {Coloured("c", "blue")})
    assert in_order(memory.get("k")) == in_order(
        [*some[:2], {"name": "d", "inner": [{"name": "e", "note": 2}]}]
    )
    tags.update("k", lambda tags: tags - {Coloured("b")} | {Coloured("f")})
    assert {"name": "f"} in memory.get("k")
    with pytest.raises(MismatchError) as caught:
        tags.update("k", lambda tags: tags - {Coloured("d", inner=inner)} | {Coloured("g")})
    assert str(caught.value.path).endswith(".inner[0].note")


class Row(msgspec.Struct, array_like=True):
    number: int
    tag: Tag | None = None


@pytest.mark.parametrize(
    ("old", "now"),
    [
        ([1, None, "newer field"], [5, None, "newer field"]),
        ([1, {"name": "a", "note": 1}, [], {}], [5, {"name": "a", "note": 1}, [], {}]),
        ([1], [5, None]),
    ],
)
def test_fields_that_follow_in_a_list_are_left_there(memory: Any, old: Any, now: Any) -> None:
    def changed(row: Row) -> Row:
        return Row(5, row.tag)

    memory.set("k", old)
    memory.set("in", {"a": old})

    memory.typed(Row).update("k", changed)
    memory.typed(dict[str, Row]).update("in", lambda rows: {"a": changed(rows["a"])})

    assert memory.get("k") == now
    assert memory.get("in") == {"a": now}


class Small(msgspec.Struct, array_like=True, tag=True):
    number: int


class Large(msgspec.Struct, array_like=True, tag=True):
    number: int
    more: int


def test_fields_that_mean_something_else_in_another_object_are_not_lost(memory: Any) -> None:
    memory.set("k", ["Small", 1, "newer field"])
    rows = memory.typed(Small | Large)

    with pytest.raises(MismatchError) as caught:
        rows.update("k", lambda _: Large(1, 2))
    assert caught.value.path == "$[2]"
    assert rows.update("k", lambda _: Small(2)) == Small(2)
    assert memory.get("k") == ["Small", 2, "newer field"]
    memory.set("k", ["Small", 1])
    assert rows.update("k", lambda _: Large(1, 2)) == rows.get("k") == Large(1, 2)


class Shouted(pydantic.BaseModel, populate_by_name=True):
    word: Any = pydantic.Field(alias="theWord")

    @pydantic.field_serializer("word")
    def _loud(self, word: Any) -> Any:
        return word.upper()


def test_what_a_serializer_says_of_other_values_is_of_no_interest(memory: Any) -> None:
    memory.set("k", {"word": "A", "newer": 1})

    memory.typed(Shouted).update("k", lambda _: Shouted(theWord="B"))

    assert memory.get("k") == {"theWord": "B", "newer": 1}


def test_among_items_they_are_not_lost_either(memory: Any) -> None:
    rows = [[1, None, "newer"], [2, None]]
    memory.set("k", rows)

    with pytest.raises(MismatchError) as caught:
        memory.typed(list[Row]).update("k", lambda rows: [Row(5), rows[1]])

    assert caught.value.path == "$[0][2]"
    memory.typed(list[Row]).update("k", lambda rows: [rows[0], Row(5)])
    assert memory.get("k") == [rows[0], [5, None]]


@pytest.mark.parametrize("package", [storage, storage.aio], ids=["storage", "aio"])
def test_what_can_not_be_written_again_is_told_with_the_key(package: Any, tmp_path: Path) -> None:
    path, wide = tmp_path / "store.db", storage.JsonCodec(big_integers=True)
    with driven(package.SqliteStorage(path, codec=wide)) as store:
        store.set("ann", {**PLAIN, "nick": 2**53})

    def edited() -> None:
        with users.edit("ann") as draft:
            draft.age = 2

    with driven(package.SqliteStorage(path)) as store:
        users = store.typed(StructUser)
        for change in (lambda: users.update("ann", lambda user: with_name(user, "Bob")), edited):
            with pytest.raises(UnstorableError) as caught:
                change()
            assert (caught.value.key, caught.value.path) == ("ann", "$.nick")
            assert str(caught.value.store).startswith("sqlite")


class Open(pydantic.BaseModel, extra="allow"):
    name: str


class Shut(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class ShutModel(pydantic.BaseModel, extra="forbid"):
    name: str


def test_a_type_that_takes_all_members_shows_them(memory: Any) -> None:
    memory.set("k", {"name": "Ann", "nick": "An"})

    def renamed(user: Any) -> Any:
        return Open(name="Bob", **(user.model_extra or {}))

    assert memory.typed(Open).update("k", renamed).nick == "An"
    assert memory.get("k") == {"name": "Bob", "nick": "An"}
    assert memory.typed(Open).update("k", lambda _: Open(name="Eve")) == Open(name="Eve")
    assert memory.get("k") == {"name": "Eve"}


@pytest.mark.parametrize("kind", [Shut, ShutModel])
def test_a_type_that_takes_no_other_members_refuses_them(memory: Any, kind: Any) -> None:
    memory.set("k", {"name": "Ann", "nick": "An"})

    with pytest.raises(MismatchError, match="member"):
        memory.typed(kind).get("k")


class Range(pydantic.BaseModel):
    low: int = 0
    high: int = 9

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Range:
        if self.low > self.high:
            raise ValueError("not in order")
        return self


def test_changes_that_do_not_go_together_are_a_conflict(memory: Any) -> None:
    ranges = memory.typed(Range)
    ranges.set("k", Range())

    def both() -> None:
        with ranges.edit("k") as draft:
            draft.low = 8
            memory.set("k", {"low": 0, "high": 5})

    with pytest.raises(ConflictError):
        both()
    assert memory.get("k") == {"low": 0, "high": 5}


names = st.sampled_from("abc")
trees = st.recursive(
    st.integers(0, 2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


def pruned(tree: Any, data: st.DataObject) -> Any:
    """What a type makes of *tree* that does not know all of its members."""
    if isinstance(tree, dict):
        return {k: pruned(v, data) for k, v in tree.items() if data.draw(st.booleans())}
    return [pruned(part, data) for part in tree] if isinstance(tree, list) else tree


def known_of(tree: Any, known: Any) -> Any:
    """*tree* without what is not in *known*, where both have a place."""
    if isinstance(tree, dict) and isinstance(known, dict):
        return {name: known_of(part, known[name]) for name, part in tree.items() if name in known}
    if isinstance(tree, list) and isinstance(known, list) and len(tree) == len(known):
        return [known_of(part, other) for part, other in zip(tree, known)]
    return tree


@given(trees, st.data())
def test_nothing_changed_is_nothing_lost(old: Any, data: st.DataObject) -> None:
    known = pruned(old, data)

    assert same(carried(old, known, known), old)


@given(trees, trees, st.data())
def test_what_is_carried_adds_to_the_change_and_takes_nothing_from_it(
    old: Any, new: Any, data: st.DataObject
) -> None:
    """Of what was there at the top, nothing that the type does not know is lost."""
    known = pruned(old, data)
    try:
        result = carried(old, known, new)
    except UnplacedError:
        assert list(unknown(old, known))
        return

    assert same(known_of(result, new), new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() - known.keys() - new.keys():
            assert same(result[name], old[name])
