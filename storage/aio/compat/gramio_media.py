# Written by tools/mirror.py from storage/compat/gramio_media.py: change that file and run the tool.
"""GramIO's media cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from .. import stores
from ...core.media import ByText, method_of
from ..media import FileIds, MediaOptions, Upload
from ..rooms import Adaptable
from ..runtime import Answer, Awaited
from ...ttl import DEFAULT, Ttl
from ...uploads import Source, check_source, name_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

T = TypeVar("T")

_UNNAMED: Final = "file.buffer"
"""What GramIO calls contents that have no name."""


class MediaCache:
    """The ids of files that bots have sent, made by `media_cache`.

    An id is kept for the *name* and the content of a file, whatever it is sent as. Unless it is
    said, the name is that of the file, and `file.buffer` for bytes. No URL has an id.
    """

    def __init__(self, ids: FileIds) -> None:
        self._ids = ids

    @overload
    async def send(
        self,
        method: str,
        source: Source,
        call: Callable[[Any], Awaitable[T]],
        *,
        name: str | None = None,
    ) -> Awaited[T]: ...

    @overload
    async def send(
        self, method: str, source: Source, call: Callable[[Any], T], *, name: str | None = None
    ) -> T: ...

    async def send(
        self,
        method: str,
        source: Source,
        call: Callable[[Any], Answer[Any]],
        *,
        name: str | None = None,
    ) -> Any:
        """Send a file as a *method* of Telegram does, and answer what *call* does, which is called
        with the id of the file, or with *source* where it has none yet; see
        `storage.MediaCache.send`."""
        upload = _upload(method, source, name)
        return await self._ids.send(upload, call)

    async def get(self, method: str, source: Source, *, name: str | None = None) -> str | None:
        """The id of a file, if it is known."""
        return await self._ids.get(_upload(method, source, name))

    async def set(
        self,
        method: str,
        source: Source,
        file_id: str,
        *,
        name: str | None = None,
        ttl: Ttl = DEFAULT,
    ) -> None:
        """Keep the id of a file that was sent otherwise."""
        await self._ids.set(_upload(method, source, name), file_id, ttl)

    async def forget(self, method: str, source: Source, *, name: str | None = None) -> bool:
        """Take the id of a file away, and say whether there was one."""
        return await self._ids.forget(_upload(method, source, name))

    async def key_of(self, method: str, source: Source, *, name: str | None = None) -> str:
        """Under which key the id of a file is kept: 32 hexadecimal digits."""
        return await self._ids.key(_upload(method, source, name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._ids.label}>"


def media_cache(*, storage: Adaptable | None = None, **options: Unpack[MediaOptions]) -> MediaCache:
    """The ids of files in the keys of GramIO's plugin, kept in *storage*, or in memory.

    The plugin has neither the bot nor what a file was sent as in a key, and two files whose
    contents are the same as text have one. The *options* are those of a `storage.MediaCache`.
    """
    store = stores.MemoryStorage[Any]() if storage is None else storage
    return MediaCache(FileIds(store, None, **options))


def _upload(method: str, source: Source, name: str | None) -> Upload:
    kind = method_of(method)
    check_source(source)
    if isinstance(source, str):
        raise ValueError("GramIO's media cache knows files and no URLs: call the method itself")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a str, not {type(name).__name__}")
    return Upload(kind, source, ByText(name_of(source, _UNNAMED) if name is None else name))
