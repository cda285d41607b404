"""Members that the type reads under another name than it writes."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
import pydantic
import pytest

from storage.core.reading import settled


class Aliased(pydantic.BaseModel, populate_by_name=True):
    user_name: str = pydantic.Field("nobody", alias="userName")
    best_of: list[int] = pydantic.Field([], alias="bestOf")
    level: int = 0


class Friend(pydantic.BaseModel, populate_by_name=True):
    full_name: str = pydantic.Field(alias="fullName")
    age: int


class Circle(pydantic.BaseModel, populate_by_name=True):
    best: Friend = pydantic.Field(alias="bestFriend")
    others: list[Friend] = []
    by_id: dict[UUID, Friend] = {}
    log: list[int] = []


IDS = [UUID(int=0xAB << index * 8) for index in range(4)]


def renamed(user: Any) -> Any:
    user.user_name = "Bob"
    return user


@pytest.mark.parametrize(
    ("old", "more"),
    [
        ({"user_name": "Ann"}, {}),
        ({"user_name": "Ann", "best_of": [1]}, {}),
        ({"user_name": "Ann", "nick": "An", "level": 5}, {"nick": "An"}),
        ({"user_name": "nobody", "nick": []}, {"nick": []}),
        ({"user_name": "Ann", "a": "Ann", "b": {}, "c": 0}, {"a": "Ann", "b": {}, "c": 0}),
        ({"userName": "Ann", "user_name": "Eve"}, {"user_name": "Eve"}),
    ],
)
def test_a_member_is_stored_once(memory: Any, old: Any, more: Any) -> None:
    memory.set("k", old)

    memory.typed(Aliased).update("k", renamed)

    best, level = old.get("best_of", []), old.get("level", 0)
    assert memory.get("k") == {"userName": "Bob", "bestOf": best, "level": level, **more}


@pytest.mark.parametrize("kind", [dict[UUID, int], Annotated[dict[UUID, int], pydantic.Strict()]])
def test_names_of_a_mapping_are_stored_once(memory: Any, kind: Any) -> None:
    memory.set("k", {str(one).upper(): 1 for one in IDS})
    counts = memory.typed(kind)

    counts.update("k", lambda some: {**some, IDS[0]: 2})
    assert memory.get("k") == {str(one): 2 if one == IDS[0] else 1 for one in IDS}
    memory.set("k", {str(one).upper(): 1 for one in IDS})
    counts.update("k", lambda some: {IDS[1]: some[IDS[1]]})
    assert memory.get("k") == {str(IDS[1]): 1}


class Known(msgspec.Struct):
    score: int
    by_id: dict[UUID, Known] = {}


def test_what_newer_code_wrote_beside_them_stays(memory: Any) -> None:
    inner = {"score": 1, "newer": 2}
    memory.set("k", {"score": 1, "newer": 1, "by_id": {str(i).upper(): inner for i in IDS}})

    def scored(known: Known) -> Known:
        known.by_id[IDS[0]].score = 5
        del known.by_id[IDS[3]]
        return known

    memory.typed(Known).update("k", scored)

    whole = {**inner, "by_id": {}}
    by_id = {str(IDS[0]): {**whole, "score": 5}, str(IDS[1]): whole, str(IDS[2]): whole}
    assert memory.get("k") == {"score": 1, "newer": 1, "by_id": by_id}


def test_it_stays_inside_of_a_member_with_another_name_too(memory: Any) -> None:
    def friend(name: str, note: int) -> dict[str, Any]:
        return {name: "Ann", "age": 1, "note": note}

    ids = [str(one).upper() for one in IDS[:2]]
    others = [friend("full_name", 2), friend("fullName", 3)]
    by_id = {ids[0]: friend("full_name", 4), ids[1]: friend("fullName", 5)}
    memory.set("k", {"best": friend("full_name", 1), "others": others, "by_id": by_id, "new": 6})

    def aged(circle: Circle) -> Circle:
        circle.best.age = circle.by_id[IDS[0]].age = 2
        circle.others.append(Friend(fullName="Eve", age=3))
        return circle

    memory.typed(Circle).update("k", aged)

    assert memory.get("k") == {
        "bestFriend": {**friend("fullName", 1), "age": 2},
        "others": [*(friend("fullName", 2 + i) for i in range(2)), {"fullName": "Eve", "age": 3}],
        "by_id": {
            str(IDS[0]): {**friend("fullName", 4), "age": 2},
            str(IDS[1]): friend("fullName", 5),
        },
        "log": [],
        "new": 6,
    }


def test_what_a_validator_makes_of_a_member_is_stored_once(memory: Any) -> None:
    class Moved(pydantic.BaseModel):
        first: str
        last: str

        @pydantic.model_validator(mode="before")
        @classmethod
        def _split(cls, data: Any) -> Any:
            if isinstance(data, dict) and "name" in data:
                first, last = data["name"].split()
                return {"first": first, "last": last, **data}
            return data

    memory.set("k", {"name": "Ann Lee", "newer": 1})

    memory.typed(Moved).update("k", lambda user: Moved(first="Eve", last=user.last))

    assert memory.get("k") == {"first": "Eve", "last": "Lee", "newer": 1}


class Waiting(msgspec.Struct, tag="waiting", omit_defaults=True):
    room: int


class Playing(msgspec.Struct, tag="playing", omit_defaults=True):
    room: int
    since: int = 0


class Over(msgspec.Struct, tag="over", forbid_unknown_fields=True):
    room: int


class Match(msgspec.Struct):
    state: Waiting | Playing | Over


@pytest.mark.parametrize("kind", [Playing, Over])
def test_another_object_does_not_take_what_means_something_else_there(
    memory: Any, kind: Any
) -> None:
    state = {"type": "waiting", "room": 1, "since": 9}
    memory.set("k", {"state": state, "newer": {"a": 1}})
    matches = memory.typed(Match)

    matches.update("k", lambda match: Match(kind(2)))

    assert matches.get("k") == Match(kind(2))
    tag = kind.__struct_config__.tag
    assert memory.get("k") == {"state": {"type": tag, "room": 2}, "newer": {"a": 1}}


def test_a_long_mapping_is_read_in_small_parts() -> None:
    """Looking for each name takes no more than a few names."""
    read = list[int]()

    def reads(data: dict[str, Any]) -> dict[str, Any]:
        read.append(len(data))
        return {name.lower(): int(part) for name, part in data.items() if type(part) is int}

    old = {f"A{number}": number for number in range(100)}
    known = {name.lower(): part for name, part in old.items()}

    assert settled(old, known, reads) == (known, known)
    assert sum(read) < 10 * len(old)
