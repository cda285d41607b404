"""Members that newer code wrote: not shown, and not lost by a change."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import ConflictError, MismatchError
from storage.core.unknown import UnplacedError, carried, unknown
from storage.values import same
from tests.typed.kinds import KINDS, PLAIN, part, put, with_name

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
        assert unknown(old, known) is not None
        return

    assert same(known_of(result, new), new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old.keys() - known.keys() - new.keys():
            assert same(result[name], old[name])
