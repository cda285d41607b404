"""What is known of files that bots on Telegram send: how they are sent, which id an answer gives
them, when an id is no good any more, and under which key it is kept."""

from __future__ import annotations

import hashlib
import re
from codecs import getincrementaldecoder
from collections.abc import Coroutine, Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from ..errors import OutcomeUnknownError, StorageError, UnavailableError
from ..keys import check_key

OnError = Literal["send", "raise"]

METHODS: Final = (
    "photo",
    "video",
    "animation",
    "video_note",
    "audio",
    "document",
    "sticker",
    "voice",
)
"""What a file can be sent as."""

_ELSE: Final = {"animation": ("animation", "document")}
"""Where a message may tell of a file that was sent so, if not in the member of that name."""

_STALE: Final = (
    "wrong file identifier/http url specified",
    "wrong file_id",
    "wrong remote file id",
    "file is temporarily unavailable",
    "can't use file of type",
)
"""What Telegram says of an id that it does not take."""

_BAD_REQUESTS: Final = {"BadRequest", "TelegramBadRequest", "ApiTelegramException"}
"""How errors of frameworks are called that stand for an error code of 400."""

_CODES: Final = ("error_code", "code", "status_code")
_WORDS: Final = ("description", "message")

_TOKEN: Final = re.compile(r"\d:\S")


class Digest(Protocol):
    """What is made of contents, chunk by chunk."""

    def update(self, chunk: Any, /) -> object: ...

    def hexdigest(self) -> str: ...


class Layout(Protocol):
    """Under which key the id of one file is kept."""

    def begin(self, size: int) -> Digest:
        """What the contents, of so many bytes, go into."""
        ...

    def key(self, digest: str) -> str:
        """The key, of what became of them."""
        ...


class ByContent(NamedTuple):
    """A key for each content, or *url*, of each *method* of each *bot*."""

    bot: str
    method: str
    is_url: bool

    def begin(self, size: int) -> Digest:
        return hashlib.sha256()

    def key(self, digest: str) -> str:
        # A file that holds nothing but a URL is not what is found there.
        kind = "url:" if self.is_url else ""
        return f"{self.bot}:{self.method}:{kind}{digest}"


class ByText(NamedTuple):
    """GramIO's key: of the *name*, the size, and the contents as the text that JavaScript reads."""

    name: str

    def begin(self, size: int) -> Digest:
        return _TextDigest(f"{_whole(self.name)}{size}")

    def key(self, digest: str) -> str:
        return digest


class _TextDigest:
    """The MD5 of *head* and of text, which is UTF-8 as far as it goes, without its mark."""

    def __init__(self, head: str) -> None:
        self._digest = hashlib.md5(head.encode(), usedforsecurity=False)
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._is_begun = False

    def update(self, chunk: Any) -> None:
        self._take(self._decode(bytes(chunk)))

    def hexdigest(self) -> str:
        self._take(self._decode(b"", True))
        return self._digest.hexdigest()

    def _take(self, text: str) -> None:
        if text and not self._is_begun:
            self._is_begun = True
            text = text.removeprefix("\ufeff")
        self._digest.update(text.encode())


def method_of(method: str) -> str:
    """How a file is sent, however that is spelled."""
    if not isinstance(method, str):
        raise TypeError(f"method must be a str, not {type(method).__name__}")
    found = _SPELLED.get(method)
    if found is None:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    return found


def bot_of(bot: int | str) -> str:
    """What *bot* is called in keys; refuses what looks like its token."""
    if isinstance(bot, bool) or not isinstance(bot, (int, str)):
        raise TypeError(f"bot must be an int or a str, not {type(bot).__name__}")
    name = str(bot)
    if not name:
        raise ValueError("bot must be the id or the name of the bot, not an empty text")
    if _TOKEN.search(name):
        raise ValueError("bot must be the id or the name of the bot, and this looks like its token")
    check_key(name)
    return name


def check_file_id(file_id: object) -> None:
    """Refuse what is no id of a file."""
    if not isinstance(file_id, str):
        raise TypeError(f"file_id must be a str, not {type(file_id).__name__}")
    if not file_id:
        raise ValueError("file_id must not be empty")


def check_answer(answer: object) -> None:
    """Refuse what is still to be awaited."""
    if not hasattr(type(answer), "__await__"):
        return
    if isinstance(answer, Coroutine):
        answer.close()
    raise TypeError("what the function answers wants to be awaited: that is for storage.aio")


def check_on_error(on_error: OnError) -> None:
    """Refuse what is no answer to a store that does not answer."""
    if on_error not in ("send", "raise"):
        raise ValueError(f"on_error must be 'send' or 'raise', not {on_error!r}")


def is_outage(error: StorageError) -> bool:
    """Whether *error* says that the store does not answer now; what an object raises that was made
    a store may mean that."""
    return isinstance(error, (UnavailableError, OutcomeUnknownError)) or type(error) is StorageError


def file_id_in(method: str, answer: object) -> str | None:
    """The id that *answer* gives to a file that was sent so: a message, or the JSON of one."""
    message = answer
    if _member(answer, "ok") is not None:
        message = _member(answer, "result") if _member(answer, "ok") is True else None
    for name in _ELSE.get(method, (method,)):
        file_id = _member(_largest(_member(message, name)), "file_id")
        if isinstance(file_id, str) and file_id:
            return file_id
    return None


def is_stale(outcome: object) -> bool:
    """Whether *outcome*, an error or an answer, says that an id is no good."""
    if isinstance(outcome, StorageError):
        return False
    codes = (_member(outcome, name) for name in _CODES)
    code = next((one for one in codes if isinstance(one, int) and not isinstance(one, bool)), None)
    if code is None:
        names = {kind.__name__ for kind in type(outcome).__mro__}
        if not names & _BAD_REQUESTS:
            return False
    elif code != 400:
        return False
    said = [_member(outcome, name) for name in _WORDS]
    if isinstance(outcome, Exception):
        said.append(str(outcome))
    texts = [text.lower() for text in said if isinstance(text, str)]
    return any(words in text for words in _STALE for text in texts)


def _member(thing: object, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _largest(part: object) -> object:
    """The largest of the sizes of a photo, and the last of those; what is no list is one file."""
    if not isinstance(part, (list, tuple)):
        return part
    return max(reversed(part), key=_area, default=None)


def _area(size: object) -> int:
    sides = (_member(size, "width"), _member(size, "height"))
    width, height = (side if isinstance(side, int) else 0 for side in sides)
    return width * height


def _whole(text: str) -> str:
    """*text* as JavaScript hands it on: half a character is none."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _spellings(method: str) -> tuple[str, ...]:
    camel = "".join(word.capitalize() for word in method.split("_"))
    return method, f"send_{method}", f"send{camel}"


_SPELLED: Final = {spelled: method for method in METHODS for spelled in _spellings(method)}
