"""How many tokens a message has, where nobody counted: an estimate, the same on every machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MESSAGE_TOKENS: Final = 4
"""What is estimated for a message beside what is in it."""

MEDIA_TOKENS: Final = 1000
"""What is estimated for an image, a sound, a film or a file, however large it is."""

_UNITS_OF_A_TOKEN: Final = 4

_MEDIA: Final = frozenset(
    {
        *("image", "image_url", "input_image", "image_generation_call", "computer_screenshot"),
        *("audio", "input_audio", "video", "video_url", "document", "container_upload"),
        *("file", "input_file", "reasoning-file", "file-data", "file-url", "file-id"),
        *("image-data", "image-url", "image-file-id", "file-reference", "image-file-reference"),
    }
)
"""Parts that are media, by their type."""

_HOLDING_MEDIA: Final = frozenset(
    {
        *("inlineData", "inline_data", "fileData", "file_data"),
        *("image", "images", "audio", "video", "document"),
    }
)
"""Members that are media."""

_WHOLE: Final = frozenset(
    {"arguments", "args", "input", "response", "json", "action", "actions", "operation"}
)
"""Members of which every text counts, names of members too: a tool is given them, or gives them."""

_SILENT: Final = frozenset(
    {
        *("role", "type", "id", "object", "status", "index", "data", "format", "detail"),
        *("mediaType", "mimeType", "mime_type", "media_type", "cache_control", "cachePoint"),
        *("signature", "thoughtSignature", "thought_signature", "encrypted_content"),
        *("redactedContent", "fingerprint", "logprobs", "metadata", "usage"),
        *("providerOptions", "providerMetadata"),
    }
)
"""Members of which nothing counts; nor does what is called an id."""


def estimate(message: Mapping[str, Any]) -> int:
    """About how many tokens *message* has, which is JSON: never exact, and the same everywhere.

    That is one for every four UTF-16 units of its texts, `MEDIA_TOKENS` for each medium, and
    `MESSAGE_TOKENS`. Texts are those that are said, names, and all that a tool is given. Ids,
    signatures and what else is only for machines count nothing.
    """
    content = message.get("content")
    if len(message) == 2 and type(content) is str and "role" in message:
        units, media = _units(content), 0
    else:
        units, media = _weighed(message)
    return -(-units // _UNITS_OF_A_TOKEN) + media * MEDIA_TOKENS + MESSAGE_TOKENS


def _weighed(message: Mapping[str, Any]) -> tuple[int, int]:
    """The UTF-16 units of the texts in *message*, and the number of its media."""
    units = media = 0
    pending: list[Any] = [message]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            units += _units(value)
        elif isinstance(value, list):
            pending += value
        elif isinstance(value, Mapping):
            kind = value.get("type")
            if type(kind) is str and kind in _MEDIA:
                media += _media(value, pending)
                continue
            is_json = kind in ("json", "error-json")
            for name, inner in value.items():
                if name in _HOLDING_MEDIA:
                    held = inner if isinstance(inner, list) else [inner]
                    media += sum(_media(one, pending) for one in held)
                elif name in _WHOLE or (is_json and name == "value"):
                    units += _units_inside(inner)
                elif name not in _SILENT and not name.endswith(("_id", "Id")):
                    pending.append(inner)
    return units, media


def _media(value: object, pending: list[Any]) -> int:
    """1 for a medium; where it is a document that is written out, its text is *pending* instead."""
    if isinstance(value, Mapping):
        source = value.get("source", value.get("data"))
        if isinstance(source, Mapping):
            text = source.get("text") or source.get("content")
            if text is None and source.get("type") == "text":
                text = source.get("data")
            if text is not None:
                pending.append(text)
                return 0
    return value is not None


def _units_inside(value: object) -> int:
    """The UTF-16 units of all texts in *value*; what is no text counts as one token."""
    units = 0
    pending: list[Any] = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, str):
            units += _units(inner)
        elif isinstance(inner, list):
            pending += inner
        elif isinstance(inner, Mapping):
            pending += inner
            pending += inner.values()
        else:
            units += _UNITS_OF_A_TOKEN
    return units


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
