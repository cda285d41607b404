"""Values of a type of the user's, in the JSON of another codec."""

from __future__ import annotations

from typing import Any

from ..codecs import Codec, FastJsonCodec, JsonCodec, UnreadableError
from ..errors import UnstorableError
from ..fidelity import difference, has_loose_parts, unwritable
from ..records import MISSING
from ..shapes import UnfitError, shape
from ..values import Flaw, same, shortened
from .reading import ODD, settled
from .unknown import Place, UnplacedError, carried, path_to, replaced, sifted, unknown


class TypedCodec:
    """Values of *kind*, in the JSON that *plain* writes.

    What is written is read back before it is handed out, so what is there is of the type, and
    comes back as it went in.
    """

    def __init__(self, plain: Codec, kind: Any) -> None:
        self.plain: Codec = plain
        self._shape = shape(kind)
        self._read = self._shape.read
        self._max_bytes = 0
        if type(plain) is JsonCodec or type(plain) is FastJsonCodec:
            self._max_bytes = plain.max_bytes

    def encode(self, value: Any, /) -> bytes:
        """The bytes for *value*; `UnstorableError` for what is not of the type, and for what
        would not come back the same."""
        raw = self._written(value)
        flaw: Flaw | None = None
        try:
            back = self.decode(raw)
        except UnfitError as error:
            flaw = error.path, error.reason
        else:
            flaw = difference(value, back, widens=True)
        if flaw is not None:
            raise UnstorableError(shortened(flaw[0]), flaw[1])
        return raw

    def decode(self, raw: bytes, /) -> Any:
        """The value; `UnfitError` where *raw* holds one of another type, and what the plain codec
        raises where it holds none."""
        if self._read is not None and len(raw) <= self._max_bytes:
            try:
                return self._read(raw)
            except Exception:  # noqa: BLE001 - what is wrong is told below, without the value
                pass
        value, flaw = self._made(self.plain.decode(raw))
        if flaw is not None:
            raise UnfitError(shortened(flaw[0]), flaw[1])
        return value

    def same(self, old: bytes, new: bytes, /) -> bool:
        """Whether *old*, however it is written, stands for the same value as *new*, which this
        codec wrote. Members that the type does not know say nothing."""
        if old == new or self.plain.same(old, new):
            return True
        try:
            return difference(self.decode(old), self.decode(new)) is None
        except UnreadableError:
            return False

    def known(self, raw: bytes) -> Any:
        """What *raw*, whoever wrote it, says to the type, as JSON data."""
        return _listed(self._shape.data(self.decode(raw)))

    def carried(self, old: bytes, new: bytes) -> bytes:
        """*new*, which shall take the place of *old*, with the members of *old* that the type does
        not know; `UnfitError` where they have no place in it."""
        was, value = self.plain.decode(old), self.decode(old)
        known = _listed(self._shape.data(value))
        is_loose = self._shape.has_sets and has_loose_parts(value)
        places = list(unknown(was, known))
        if not places and not is_loose:
            return new
        if is_loose or not self._ignores(was, known, places):
            was, known = settled(was, self._told(was), self._told)
        try:
            return self._fitting(carried(was, known, self.plain.decode(new)), new)
        except UnplacedError as error:
            lost = error.path
        reason = "the type has no such member, and a change of the list would drop it"
        raise UnfitError(shortened(lost), reason)

    def _ignores(self, was: Any, known: Any, places: list[Place]) -> bool:
        """Whether the type reads *was* as it does whatever is at these *places*."""
        try:
            return same(self._told(replaced(was, places, ODD)), known)
        except UnreadableError:
            return False

    def _fitting(self, result: Any, new: bytes) -> bytes:
        """*result*, which is *new* and more, without what would make another value of it, such as
        a member that another class of a union knows."""
        more = list(unknown(result, self.plain.decode(new)))
        if not more:
            return new

        def with_only(places: list[Place]) -> bytes:
            return self.plain.encode(replaced(result, set(more).difference(places), MISSING))

        fit = sifted(more, lambda places: self.same(with_only(places), new))
        raw = with_only(fit)
        kept = set(fit)
        gone = [place for place in more if place not in kept]
        lost = next((place for place in gone if any(type(one) is int for one in place)), None)
        if lost is not None or (gone and not self.same(raw, new)):
            raise UnplacedError(path_to(lost or gone[0]))
        return raw

    def _told(self, data: Any) -> Any:
        """What the type makes of *data*, as JSON data; `UnreadableError` where that is nothing."""
        value, flaw = self._made(data)
        if flaw is None:
            try:
                return _listed(self._shape.data(value))
            except Exception:  # noqa: BLE001 - its text may quote the value
                flaw = "$", "it can not be written"
        raise UnfitError(*flaw)

    def _written(self, value: Any) -> bytes:
        flaw: Flaw | None = None
        data: Any = None
        try:
            data = self._shape.data(value)
        except Exception:  # noqa: BLE001 - its text may quote the value
            flaw = unwritable(value, self._shape.data)
        if flaw is not None:
            raise UnstorableError(shortened(flaw[0]), flaw[1])
        try:
            return self.plain.encode(data)
        except UnstorableError:
            pass  # it may be for a tuple, which a type may ask for
        return self.plain.encode(_listed(data))

    def _made(self, data: Any) -> tuple[Any, Flaw | None]:
        try:
            return self._shape.made(data), None
        except Exception as error:  # noqa: BLE001 - its text may quote the value
            return None, self._shape.flaw(error)


def _listed(data: Any) -> Any:
    """*data* with lists in the place of tuples."""
    if type(data) is dict:
        return {name: _listed(part) for name, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [_listed(part) for part in data]
    return data
