"""One user, declared in each way that a type can be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypedDict

import attrs
import msgspec
import pydantic


class DictUser(TypedDict):
    name: str
    age: int
    tags: list[str]


@dataclass
class DataUser:
    name: str
    age: int
    tags: list[str] = dataclasses.field(default_factory=list)


@attrs.define
class AttrsUser:
    name: str
    age: int
    tags: list[str] = attrs.field(factory=list)


class StructUser(msgspec.Struct):
    name: str
    age: int
    tags: list[str] = []


class ModelUser(pydantic.BaseModel):
    name: str
    age: int
    tags: list[str] = []


KINDS: list[Any] = [DictUser, DataUser, AttrsUser, StructUser, ModelUser]
OBJECTS = KINDS[1:]

PLAIN = {"name": "Ann", "age": 30, "tags": ["new"]}
"""What is stored for a user, whatever the user is declared as."""


def part(value: Any, name: str) -> Any:
    """A member of a dict, or the field of an object."""
    return value[name] if isinstance(value, dict) else getattr(value, name)


def put(value: Any, name: str, new: Any) -> None:
    if isinstance(value, dict):
        value[name] = new
    else:
        setattr(value, name, new)


def with_name(value: Any, name: str) -> Any:
    put(value, "name", name)
    return value
