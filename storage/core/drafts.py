"""The value that a handler works on, made of a record and made a record again."""

from __future__ import annotations

import math
from typing import Any

from ..errors import ConflictError, MismatchError, UnstorableError, WrongTypeError, shown
from ..shapes import UnfitError
from .layers import Layers
from .layouts import Layout
from .session import (
    END,
    LIFETIMES,
    RESERVED,
    Contents,
    Mark,
    Marks,
    OnConflict,
    brought_together,
    put_together,
    taken_apart,
    without_the_old,
)
from .typed import TypedCodec

_END = END.encode()


class Draft:
    """A session that somebody works on: its *value*, the lifetimes of its members, its end, and
    the record that it began as, without what was over."""

    def __init__(self, value: Any, base: bytes, marks: Marks, ends: int | None) -> None:
        self.value: Any = value
        self.base: bytes = base
        self.marks: Marks = marks
        self.ends: int | None = ends

        self.is_anew: bool = False
        """Whether nothing of the record goes on, not even what its type does not know."""

    def put(self, value: Any) -> None:
        """Let *value* be the session; a dict stays the object that it is."""
        if type(value) is dict and type(self.value) is dict:
            members = dict(value)
            self.value.clear()
            self.value.update(members)
        else:
            self.value = value


class Drafts:
    """The drafts of a store's *layers*: dicts, or what a *typed* codec makes of them.

    In a *layout* without lifetimes a record is the value, and nothing besides.
    """

    def __init__(self, layers: Layers, typed: TypedCodec | None, layout: Layout) -> None:
        self._layers = layers
        self._plain = layers.codec
        self._typed = typed
        self.layout: Layout = layout

    def fresh(self, key: str, value: Any) -> Draft:
        """A draft that begins as a copy of *value*."""
        data = self._encoded(key, value)
        copy = self._decoded(key, data)
        if self._typed is not None and type(self._plain.decode(data)) is not dict:
            message = f"a session has members, and {_kind(value)} has none"
            raise self._error(WrongTypeError, message, key)
        return Draft(copy, data, {}, None)

    def read(self, key: str, data: bytes, now_ms: float) -> Draft:
        """The draft of a record."""
        record = self._record(key, data)
        if not self.layout.lifetimes or (LIFETIMES not in record and END not in record):
            value = record if self._typed is None else self._decoded(key, data)
            return Draft(value, data, {}, None)
        contents = taken_apart(record, now_ms)
        bare = self._plain.encode(contents.members)
        whole = put_together(contents)
        base = data if whole == record else self._plain.encode(whole)
        return Draft(self._decoded(key, bare), base, contents.marks, contents.ends)

    def live(self, key: str, data: bytes, now_ms: float) -> Draft | None:
        """The draft of a record, unless that is over, or stands for none."""
        if self.is_none(data):
            return None
        draft = self.read(key, data, now_ms)
        return None if draft.ends is not None and draft.ends <= now_ms else draft

    def again(self, key: str, draft: Draft) -> Draft:
        """The draft that *draft* was at first."""
        return self.read(key, draft.base, -math.inf)

    def data(self, key: str, draft: Draft, now_ms: float) -> bytes:
        """The record that *draft* has become."""
        value, old = draft.value, None if draft.is_anew else draft.base
        if not draft.marks and draft.ends is None:
            return self._encoded(key, value, old)
        if self._typed is None and type(value) is dict:
            self._check(key, value)
            members = value
        else:
            members = self._record(key, self._encoded(key, value, old))
        contents = without_the_old(Contents(members, draft.marks, draft.ends), now_ms)
        return self._layers.encode(key, put_together(contents))

    def is_none(self, data: bytes) -> bool:
        """Whether *data* stands for no session."""
        return bool(self.layout.nothing) and data.strip() in self.layout.nothing

    def is_nothing(self, key: str, data: bytes) -> bool:
        """Whether *data* is a session that is not kept: one without members."""
        if self.layout.keeps_empty:
            return False
        return data == b"{}" or (_END in data and not self._parts(key, data).members)

    def is_same(self, draft: Draft, data: bytes) -> bool:
        """Whether *data* says what the *draft* began as."""
        if self._layers.kept(draft.base, data, self._layers.lifetimes.keeping):
            return True
        return self._typed is not None and self._plain.same(self._settled("", draft.base), data)

    def together(
        self, key: str, draft: Draft, ours: bytes, theirs: bytes, on_conflict: OnConflict
    ) -> bytes:
        """The changes that lead from the record that *draft* was to *ours*, on top of *theirs*."""
        try:
            base, other = (self._parts(key, self._settled(key, it)) for it in (draft.base, theirs))
            result, clashes = brought_together(base, self._parts(key, ours), other, on_conflict)
            if self._typed is not None and not clashes:
                self._typed.decode(self._plain.encode(result.members))
        except UnfitError:
            message = "what somebody else changed does not go with our changes"
            raise self._error(ConflictError, message, key) from None
        if clashes:
            members = ", ".join(map(shown, clashes))
            raise self._error(ConflictError, f"somebody else changed {members} too", key)
        draft.ends = result.ends
        return self._layers.encode(key, put_together(result))

    def stored(self, key: str, draft: Draft, ours: bytes, data: bytes) -> None:
        """Go on with *draft* after it was stored as *data*, which is *ours* unless somebody else
        had a part in it: then a dict is changed in place, and anything else is another object."""
        contents = self._parts(key, data)
        gone = [name for name in draft.marks if name not in contents.members]
        if data == ours and type(draft.value) is dict:
            for name in gone:
                draft.value.pop(name, None)
        elif data != ours or gone:
            draft.put(self._decoded(key, self._plain.encode(contents.members)))
        draft.base, draft.marks, draft.ends = data, contents.marks, contents.ends
        draft.is_anew = False

    def mark(self, key: str, draft: Draft, member: str, mark: Mark | None) -> None:
        """Let *member* of the *draft* live as long as *mark* says, or as long as the rest."""
        members = self._record(key, self._encoded(key, draft.value))
        if member not in members:
            raise KeyError(member)
        if mark is None:
            draft.marks.pop(member, None)
            return
        if self._typed is not None:
            del members[member]
            try:
                self._typed.decode(self._plain.encode(members))
            except UnfitError:
                message = f"{shown(member)} has no default, so it can not end before the rest"
                raise ValueError(message) from None
        draft.marks[member] = mark

    def _settled(self, key: str, data: bytes) -> bytes:
        """A record with what its type adds to it: members that have a default."""
        if self._typed is None:
            return data
        contents = self._parts(key, data)
        bare = self._plain.encode(contents.members)
        value = _filled(self._typed.decode(bare))
        members = self._record(key, self._encoded(key, value, bare))
        return self._plain.encode(put_together(contents._replace(members=members)))

    def _parts(self, key: str, data: bytes) -> Contents:
        record = self._record(key, data)
        return (
            taken_apart(record, -math.inf) if self.layout.lifetimes else Contents(record, {}, None)
        )

    def _record(self, key: str, data: bytes) -> dict[str, Any]:
        try:
            record = self._plain.decode(data)
        except ValueError as error:
            raise self._layers.corrupt(key, error) from error
        if type(record) is not dict:
            reason = f"a session is an object, and this is {_kind(record)}"
            raise MismatchError("$", reason, store=self._layers.label, key=key)
        return record

    def _decoded(self, key: str, data: bytes) -> Any:
        try:
            return (
                self._plain.decode(data)
                if self._typed is None
                else _filled(self._typed.decode(data))
            )
        except ValueError as error:
            raise self._layers.corrupt(key, error) from error

    def _encoded(self, key: str, value: Any, old: bytes | None = None) -> bytes:
        """The members of *value*, with those of a record that its type does not know."""
        if self._typed is None:
            if type(value) is not dict:
                name = _kind(value)
                message = f"a session is a dict, not {name}, unless kind={name} is said"
                raise self._error(WrongTypeError, message, key)
            self._check(key, value)
            return self._layers.encode(key, value)
        try:
            data = self._typed.encode(value)
            if old is not None:
                data = self._typed.carried(self._bare(key, old), data)
        except UnstorableError as error:
            raise self._layers.located(error, key) from None
        except UnfitError as error:
            raise self._layers.corrupt(key, error) from error
        return data

    def _bare(self, key: str, data: bytes) -> bytes:
        if not self.layout.lifetimes or not any(
            b'"%b"' % name.encode() in data for name in RESERVED
        ):
            return data
        return self._plain.encode(self._parts(key, data).members)

    def _check(self, key: str, members: dict[str, Any]) -> None:
        if self.layout.lifetimes and (LIFETIMES in members or END in members):
            name = LIFETIMES if LIFETIMES in members else END
            reason = "this name is for the lifetimes of a session"
            raise UnstorableError(f"$.{name}", reason, store=self._layers.label, key=key)

    def _error(self, kind: Any, message: str, key: str) -> Exception:
        error: Exception = kind(message, store=self._layers.label, key=key)
        return error


def _filled(value: Any) -> Any:
    """An object that was read, with the members whose defaults only its class has."""
    members = getattr(value, "__dict__", None)
    if members is not None:
        for name in getattr(value, "__dataclass_fields__", ()):
            if name not in members and hasattr(value, name):
                members[name] = getattr(value, name)
    return value


def _kind(thing: object) -> str:
    return type(thing).__name__
