"""Every kind of type: the same bytes, the same checks, the same changes."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import storage
from storage import MISSING, ConflictError, MismatchError, UnstorableError, WrongTypeError
from tests.typed.kinds import KINDS, OBJECTS, PLAIN, DictUser, part, put, with_name

NOT_USERS = [
    ({"name": 5, "age": 30, "tags": []}, "$.name", "expected str, got int"),
    ({"name": "Ann", "age": "old", "tags": []}, "$.age", "expected int, got str"),
    ({"name": "Ann", "age": True, "tags": []}, "$.age", "expected int, got bool"),
    ({"name": "Ann", "age": 30, "tags": ["a", None]}, "$.tags[1]", "expected str, got null"),
    ({"age": 30, "tags": []}, "$.name", "it is missing"),
    ([], "$", "expected object, got array"),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_what_comes_back_is_what_went_in_as_the_same_json(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    users.set("ann", kind(**PLAIN))

    back = users.get("ann")

    assert back == kind(**PLAIN)
    assert type(back) is type(kind(**PLAIN))
    assert store.get("ann") == PLAIN
    assert list(users.items()) == [("ann", kind(**PLAIN))]
    assert users.get_many(["ann", "bob"]) == {"ann": kind(**PLAIN)}


def test_what_a_plain_store_wrote_is_read(store: Any, kind: Any) -> None:
    store.set("ann", PLAIN)

    assert store.typed(kind).get("ann") == kind(**PLAIN)


def test_a_copy_goes_in_and_a_copy_comes_out(store: Any, kind: Any) -> None:
    users, ann = store.typed(kind), kind(**{**PLAIN, "tags": ["new"]})
    users.set("ann", ann)

    part(ann, "tags").append("changed")
    part(users.get("ann"), "tags").append("changed")

    assert part(users.get("ann"), "tags") == ["new"]


@pytest.mark.parametrize(("wrong", "path", "reason"), NOT_USERS)
def test_wrong_data_in_the_store_is_an_error_that_names_the_path(
    store: Any, kind: Any, wrong: Any, path: str, reason: str
) -> None:
    store.set("ann", wrong)
    users = store.typed(kind)

    for read in (
        lambda: users.get("ann"),
        lambda: users.get_many(["ann"]),
        lambda: list(users.values()),
        lambda: users.update("ann", lambda user: user),
        lambda: users.get_or_set("ann", lambda: kind(**PLAIN)),
    ):
        with pytest.raises(MismatchError) as caught:
            read()
        assert (caught.value.path, caught.value.reason) == (path, reason)
        assert caught.value.key == "ann"
        assert isinstance(caught.value, storage.CorruptValueError)

    assert list(users.items(on_corrupt="skip")) == []
    assert store.get("ann") == wrong


@pytest.mark.parametrize(("wrong", "path", "reason"), NOT_USERS[:4])
def test_wrong_data_is_refused_before_anything_is_touched(
    store: Any, kind: Any, wrong: Any, path: str, reason: str
) -> None:
    """A dataclass does not look at what it is given, and a model not at what is put into it."""
    users, bad = store.typed(kind), kind(**PLAIN)
    for name, value in wrong.items():
        put(bad, name, value)

    def changed(user: Any) -> Any:
        return bad

    for write in (
        lambda: users.set("ann", bad),
        lambda: users.add("ann", bad),
        lambda: users.set_many({"bob": kind(**PLAIN), "ann": bad}),
        lambda: users.swap("ann", MISSING, bad),
        lambda: users.update("ann", changed, default=kind(**PLAIN)),
        lambda: users.update("ann", lambda user: user, default=bad),
        lambda: users.get_or_set("ann", lambda: bad),
    ):
        with pytest.raises(UnstorableError) as caught:
            write()
        assert (caught.value.path, caught.value.reason) == (path, reason)
        assert caught.value.key == "ann"

    assert list(store.keys()) == []


@pytest.mark.parametrize("wrong", [None, 5, "Ann", [], PLAIN])
def test_an_object_is_not_what_it_is_made_of(memory: Any, wrong: Any) -> None:
    for kind in OBJECTS:
        with pytest.raises(UnstorableError) as caught:
            memory.typed(kind).set("ann", wrong)
        assert caught.value.path == "$"

    assert not memory.has("ann")


def test_update_changes_an_object(store: Any, kind: Any) -> None:
    users = store.typed(kind)

    first = users.update("ann", lambda user: user, default=lambda: kind(**PLAIN))
    second = users.update("ann", lambda user: with_name(user, "Bob"))

    assert first == kind(**PLAIN)
    assert second == users.get("ann") == kind(**{**PLAIN, "name": "Bob"})


def test_swap_knows_the_old_object(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    users.set("ann", kind(**PLAIN))

    store.set("bob", 5)

    assert not users.swap("bob", kind(**PLAIN), kind(**PLAIN))
    assert not users.swap("ann", kind(**{**PLAIN, "age": 31}), kind(**PLAIN))
    assert users.swap("ann", users.get("ann"), kind(**{**PLAIN, "age": 31}))
    assert part(users.get("ann"), "age") == 31


def test_edit_hands_out_a_draft_of_an_object(store: Any, kind: Any) -> None:
    users = store.typed(kind)

    with users.edit("ann", default=kind(**PLAIN)) as draft:
        part(draft, "tags").append("old")
    with users.edit("ann") as draft:
        put(draft, "age", 31)

    assert store.get("ann") == {"name": "Ann", "age": 31, "tags": ["new", "old"]}


def test_edits_of_different_fields_go_together(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    users.set("ann", kind(**PLAIN))

    with users.edit("ann") as draft:
        put(draft, "age", 31)
        store.set("ann", {**PLAIN, "name": "Bob"})

    assert store.get("ann") == {**PLAIN, "name": "Bob", "age": 31}


def test_edits_of_one_field_are_a_conflict(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    users.set("ann", kind(**PLAIN))

    def both() -> None:
        with users.edit("ann") as draft:
            put(draft, "name", "Eve")
            store.set("ann", {**PLAIN, "name": "Bob"})

    with pytest.raises(ConflictError, match="'name'"):
        both()
    assert store.get("ann") == {**PLAIN, "name": "Bob"}


def test_a_draft_that_is_wrong_at_the_end_is_not_stored(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    users.set("ann", kind(**PLAIN))

    with pytest.raises(UnstorableError, match=r"\$\.age"), users.edit("ann") as draft:
        put(draft, "age", "old")

    assert store.get("ann") == PLAIN


@pytest.mark.parametrize("kind", OBJECTS, ids=lambda kind: kind.__name__)
def test_a_default_that_is_not_stored_is_no_change(store: Any, kind: Any) -> None:
    """What another writer left out is neither a difference nor a change of ours."""
    users = store.typed(kind)
    store.set("ann", {"name": "Ann", "age": 30})

    with users.edit("ann") as draft:
        draft.name = "Bob"
        store.set("ann", {"name": "Ann", "age": 31})

    assert users.get("ann") == kind(name="Bob", age=31)
    store.set("ann", {"name": "Ann", "age": 30})
    assert users.swap("ann", kind(name="Ann", age=30, tags=[]), kind(name="Ann", age=31))


def test_counting_is_for_types_of_integers(store: Any, kind: Any) -> None:
    users = store.typed(kind)
    with pytest.raises(UnstorableError):
        users.incr("ann")
    assert list(store.keys()) == []

    users.set("ann", kind(**PLAIN))
    with pytest.raises(WrongTypeError):
        users.incr("ann")
    assert store.get("ann") == PLAIN


def test_a_namespace_and_another_type_are_views(memory: Any) -> None:
    users = memory.typed(DictUser)
    users.namespace("old").set("ann", PLAIN)

    with pytest.raises(UnstorableError):
        users.namespace("old").set("ann", 5)
    assert memory.namespace("old").get("ann") == PLAIN
    users.typed(int).set("n", 5)
    assert memory.get("n") == 5


def test_a_mismatch_survives_pickling(memory: Any) -> None:
    memory.set("ann", {})
    with pytest.raises(MismatchError) as caught:
        memory.typed(DictUser).get("ann")

    again = pickle.loads(pickle.dumps(caught.value))

    assert type(again) is MismatchError
    assert (str(again), again.path, again.key) == (str(caught.value), "$.name", "ann")
