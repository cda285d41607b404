"""One visit, declared in each way that a type can be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypedDict

import attrs
import msgspec
import pydantic
from typing_extensions import NotRequired


class DictVisit(TypedDict):
    step: int
    code: NotRequired[str]
    tags: NotRequired[list[str]]


@dataclass
class DataVisit:
    step: int = 0
    code: str = ""
    tags: list[str] = dataclasses.field(default_factory=list)


@attrs.define
class AttrsVisit:
    step: int = 0
    code: str = ""
    tags: list[str] = attrs.field(factory=list)


class StructVisit(msgspec.Struct):
    step: int = 0
    code: str = ""
    tags: list[str] = []


class ModelVisit(pydantic.BaseModel):
    step: int = 0
    code: str = ""
    tags: list[str] = []


OBJECTS: list[Any] = [DataVisit, AttrsVisit, StructVisit, ModelVisit]
KINDS: list[Any] = [dict, DictVisit, *OBJECTS]


def options(kind: Any) -> dict[str, Any]:
    """How sessions of *kind* are asked for: each begins with step 0."""
    if kind in OBJECTS:
        return {"initial": kind}
    return {"initial": lambda: {"step": 0}, "kind": kind}


def part(value: Any, name: str, default: Any = None) -> Any:
    """A member of a dict, or the field of an object."""
    return value.get(name, default) if isinstance(value, dict) else getattr(value, name)


def put(value: Any, name: str, new: Any) -> None:
    if isinstance(value, dict):
        value[name] = new
    else:
        setattr(value, name, new)


def made(kind: Any, **members: Any) -> Any:
    """A visit of *kind*."""
    return kind(**members)
