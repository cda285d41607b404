"""Any bytes as a value, for objects that keep values and no bytes.

JSON is kept as what it stands for. Everything else is kept as text: a mark, and the bytes in
base64. A text that begins with the mark by itself is kept in the same way, so that nothing can be
taken for something else.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

from ..codecs import JsonCodec
from ..errors import UnstorableError
from ..values import check
from .foreign import Misfit

MARK: Final = "~base64~"

_JSON: Final = JsonCodec(big_integers=True, max_bytes=2**62)


def kept(raw: bytes) -> Any:
    """What an object keeps for *raw*."""
    try:
        value = _JSON.decode(raw)
        check(value, big_integers=True)
    except ValueError:  # no JSON, or deeper and longer than what we write
        return _marked(raw)
    return _marked(raw) if _is_marked(value) else value


def carried(value: Any) -> bytes:
    """The bytes that *value* was kept for; `UnstorableError` for what is kept for none."""
    if isinstance(value, Misfit):
        raise UnstorableError("$", value.reason)
    if not _is_marked(value):
        return _JSON.encode(value)
    try:
        return b64decode(value[len(MARK) :], validate=True)
    except ValueError:
        raise UnstorableError("$", f"what follows {MARK} is no base64") from None


def _marked(raw: bytes) -> str:
    return MARK + b64encode(raw).decode()


def _is_marked(value: object) -> bool:
    return isinstance(value, str) and value.startswith(MARK)
