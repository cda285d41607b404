"""Values of a type of the user's, in the JSON of another codec."""

from __future__ import annotations

from typing import Any

from ..codecs import Codec, FastJsonCodec, JsonCodec, UnreadableError
from ..errors import UnstorableError
from ..fidelity import difference, unwritable
from ..shapes import UnfitError, shape
from ..values import Flaw, shortened
from .unknown import UnplacedError, carried, unknown


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
        was, known = self.plain.decode(old), self.known(old)
        lost = unknown(was, known)
        if lost is None:
            return new
        result: Any = None
        try:
            result = carried(was, known, self.plain.decode(new))
        except UnplacedError as error:
            lost = error.path
        if result is None:
            reason = "the type has no such member, and a change of the list would drop it"
            raise UnfitError(shortened(lost), reason)
        raw = self.plain.encode(result)
        return raw if self.same(raw, new) else new

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
