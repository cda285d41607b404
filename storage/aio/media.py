# Written by tools/mirror.py from storage/media.py: change that file and run the tool.
"""The ids of files that bots on Telegram have sent, so that no file is uploaded twice."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, TypeVar, overload

from .adapted import adapt
from ..core.media import (
    ByContent,
    Layout,
    OnError,
    bot_of,
    check_answer,
    check_file_id,
    check_on_error,
    file_id_in,
    is_outage,
    is_stale,
    method_of,
)
from ..errors import CorruptValueError, StorageError
from .keylock import KeyLock
from ..records import DELETE
from .rooms import Adaptable
from .runtime import Answer, Awaited, Runtime, callback
from ..ttl import DEFAULT, LayerTtl, Ttl
from ..uploads import (
    Seen,
    Source,
    check_filled,
    check_source,
    is_as_seen,
    is_open,
    is_small,
    put_back,
    seen,
)

if TYPE_CHECKING:
    from .keylock import Hold

__all__ = ["MediaCache"]

T = TypeVar("T")

_NO_ID: Final = "%s: the answer to what was sent as %s has no file_id, so nothing is stored"

_CHANGED: Final = "%s: what was sent as %s has changed meanwhile, so its id is not stored"

_open_files: Final = KeyLock("open files", patient=True)
"""The files that somebody reads now, whichever cache that is for."""

_log = logging.getLogger("storage")


class MediaOptions(TypedDict, total=False):
    """What may be said of all caches of such ids; see `MediaCache`."""

    ttl: LayerTtl
    is_stale: Callable[[Any], Answer[bool]] | None
    file_id_of: Callable[[Any], Answer[str | None]] | None
    on_error: OnError


class MediaCache:
    """The ids of the files that *bot*, told by its id or its name, has sent, kept in *store*.

    An id is kept for the content of a file, what it was sent as, and the bot, in a *namespace* and
    for *ttl*. *is_stale* is told of an error or an answer and says whether an id is no good any
    more, and *file_id_of* finds the id in an answer, both in the place of what is known of
    Telegram. While the store does not answer files are uploaded, unless *on_error* is `"raise"`.
    """

    def __init__(
        self,
        store: Adaptable,
        *,
        bot: int | str,
        ttl: LayerTtl = DEFAULT,
        namespace: str | None = "media",
        is_stale: Callable[[Any], Answer[bool]] | None = None,
        file_id_of: Callable[[Any], Answer[str | None]] | None = None,
        on_error: OnError = "send",
    ) -> None:
        self._bot = bot_of(bot)
        self._ids = FileIds(
            store,
            namespace,
            ttl=ttl,
            is_stale=is_stale,
            file_id_of=file_id_of,
            on_error=on_error,
        )

    @overload
    async def send(
        self, method: str, source: Source, call: Callable[[Any], Awaitable[T]]
    ) -> Awaited[T]: ...

    @overload
    async def send(self, method: str, source: Source, call: Callable[[Any], T]) -> T: ...

    async def send(self, method: str, source: Source, call: Callable[[Any], Answer[Any]]) -> Any:
        """Send a file as a *method* of Telegram does, such as `"photo"` or `"sendPhoto"`, and
        answer what *call* does.

        *call* is called with the id of the file, or with *source* where it has none yet. Of those
        who send a file at the same time one uploads it, and the others wait for its id. Where an
        id is no good any more it goes away, and the file is uploaded once. All other errors are
        raised, and nothing is stored.
        """
        upload = self._upload(method, source)
        return await self._ids.send(upload, call)

    async def get(self, method: str, source: Source) -> str | None:
        """The id of a file, if it is known."""
        return await self._ids.get(self._upload(method, source))

    async def set(self, method: str, source: Source, file_id: str, *, ttl: Ttl = DEFAULT) -> None:
        """Keep the id of a file that was sent otherwise."""
        await self._ids.set(self._upload(method, source), file_id, ttl)

    async def forget(self, method: str, source: Source) -> bool:
        """Take the id of a file away, and say whether there was one."""
        return await self._ids.forget(self._upload(method, source))

    async def key_of(self, method: str, source: Source) -> str:
        """Under which key the id of a file is kept, in the namespace."""
        return await self._ids.key(self._upload(method, source))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._ids.label}>"

    def _upload(self, method: str, source: Source) -> Upload:
        kind = method_of(method)
        check_source(source)
        return Upload(kind, source, ByContent(self._bot, kind, isinstance(source, str)))


class Upload(NamedTuple):
    """A file that is to be sent, and the *layout* of its key."""

    method: str
    source: Source
    layout: Layout


class FileIds:
    """The ids of files in *store*, under whatever keys; see `MediaCache`."""

    def __init__(
        self,
        store: Adaptable,
        namespace: str | None,
        *,
        ttl: LayerTtl = DEFAULT,
        is_stale: Callable[[Any], Answer[bool]] | None = None,
        file_id_of: Callable[[Any], Answer[str | None]] | None = None,
        on_error: OnError = "send",
    ) -> None:
        check_on_error(on_error)
        self._is_stale = None if is_stale is None else callback(is_stale, "is_stale")
        self._id_of = None if file_id_of is None else callback(file_id_of, "file_id_of")
        base = adapt(store)
        layers = base._layers if namespace is None else base._layers.namespace(namespace)
        self._layers = layers.lasting(ttl).spoken(layers.plain)
        self._store = base._view(self._layers)
        self._keys = KeyLock(self._layers.label, patient=True)
        self._files = _open_files
        self._runtime = Runtime()
        self._raises = on_error == "raise"
        self._has_warned = False

    @property
    def label(self) -> str:
        """How errors call the store."""
        return self._layers.label

    async def key(self, upload: Upload) -> str:
        """Under which key the id is kept."""
        found = await self._seen(upload)
        return upload.layout.key(found.digest)

    async def get(self, upload: Upload) -> str | None:
        """The id, if it is known."""
        key, _ = await self._looked_at(upload)
        return await self._kept(key)

    async def set(self, upload: Upload, file_id: str, ttl: Ttl) -> None:
        """Keep an id."""
        check_file_id(file_id)
        self._layers.lifetimes.expiry(ttl)
        key, _ = await self._looked_at(upload)
        await self._store.set(key, file_id, ttl=ttl)

    async def forget(self, upload: Upload) -> bool:
        """Take the id away, and say whether there was one."""
        key, _ = await self._looked_at(upload)
        return await self._store.delete(key)

    async def send(self, upload: Upload, call: Callable[[Any], Answer[Any]]) -> Any:
        """What *call* answers to the id, or to the file where there is none that is any good."""
        callback(call, "call")
        key, found = await self._looked_at(upload)
        file_id = await self._found(key)
        stale: str | None = None
        while True:
            if file_id is None:
                async with self._keys.hold(key) as hold:
                    file_id = await self._learned(hold, key, stale)
                    if file_id is None:
                        return await self._uploaded(hold, key, upload, found, call)
            try:
                answer = await self._called(call, file_id)
            except Exception as error:
                refused = stale is None and await self._refuses(error)
                if not refused:
                    raise
            else:
                refused = stale is None and await self._refuses(answer)
                if not refused:
                    return answer
            stale, file_id = file_id, None

    async def _looked_at(self, upload: Upload) -> tuple[str, Seen]:
        """The key, and what was seen of the file, in which there is something."""
        found = await self._seen(upload)
        check_filled(upload.source, found)
        return upload.layout.key(found.digest), found

    async def _seen(self, upload: Upload) -> Seen:
        """What there is to see of the file, while nobody else reads it."""
        source, begin = upload.source, upload.layout.begin
        if is_small(source):
            return seen(source, begin)
        if not is_open(source):
            return await self._runtime.aside(seen, source, begin)
        async with self._files.hold(str(id(source))):
            return await self._runtime.aside(seen, source, begin)

    async def _handed(self, source: Source, found: Seen, call: Callable[[Any], Answer[Any]]) -> Any:
        """What *call* answers to the file, which it gets as it was seen, and whether it is so
        still."""
        if not is_open(source):
            answer = await self._called(call, source)
            if found.state is None:
                return answer, True
            is_same = await self._runtime.aside(is_as_seen, source, found)
            return answer, is_same
        async with self._files.hold(str(id(source))):
            try:
                put_back(source, found)
                answer = await self._called(call, source)
                return answer, is_as_seen(source, found)
            finally:
                put_back(source, found)

    async def _uploaded(
        self, hold: Hold, key: str, upload: Upload, found: Seen, call: Callable[[Any], Answer[Any]]
    ) -> Any:
        """Upload the file, and tell its id to those who wait for it, and to the store."""
        answer, is_same = await self._handed(upload.source, found, call)
        file_id = await self._told(upload.method, answer)
        if file_id is None:
            level = logging.INFO if self._has_warned else logging.WARNING
            self._has_warned = True
            _log.log(level, _NO_ID, self.label, upload.method)
            return answer
        if not is_same:
            _log.info(_CHANGED, self.label, upload.method)
            return answer
        hold.writing()
        hold.left = (self, file_id.encode())
        try:
            await self._store.set(key, file_id)
        except StorageError as error:
            self._forgive(error, "stored")
        return answer

    async def _learned(self, hold: Hold, key: str, stale: str | None) -> str | None:
        """The id that is known meanwhile; the one that is *stale* goes away."""
        left, hold.left = hold.left, None
        if left is not None and left[1].decode() != stale:
            hold.writing()
            hold.left = left
            return left[1].decode()
        file_id = await self._found(key)
        if stale is None or file_id != stale:
            return file_id
        try:
            await self._drop(key, stale)
        except StorageError as error:
            self._forgive(error, "taken away")
        return None

    async def _drop(self, key: str, stale: str) -> None:
        """Take an id away, unless there is another one."""
        if self._store.capabilities.atomic:
            await self._store.swap(key, stale, DELETE)
        else:
            await self._store.delete(key)

    async def _found(self, key: str) -> str | None:
        """The id, if it is known and the store answers."""
        try:
            return await self._kept(key)
        except StorageError as error:
            self._forgive(error, "read")
        return None

    async def _kept(self, key: str) -> str | None:
        found: Any = await self._store.get(key)
        if found is not None and not isinstance(found, str):
            message = "the id of a file is a text, and this is none"
            raise CorruptValueError(message, store=self.label, key=key)
        return found or None

    async def _told(self, method: str, answer: Any) -> str | None:
        """The id that *answer* gives to a file."""
        if self._id_of is None:
            return file_id_in(method, answer)
        found = await self._called(self._id_of, answer)
        return found if isinstance(found, str) and found else None

    async def _refuses(self, outcome: Any) -> bool:
        """Whether *outcome*, an error or an answer, says that an id is no good."""
        if self._is_stale is None:
            return is_stale(outcome)
        found = await self._called(self._is_stale, outcome)
        return bool(found)

    async def _called(self, function: Callable[..., Answer[Any]], *args: object) -> Any:
        """What a function of the bot's answers."""
        answer = await self._runtime.call(function, *args)
        check_answer(answer)
        return answer

    def _forgive(self, error: StorageError, what: str) -> None:
        """Log that the store does not answer, where that shall not keep a file from being sent."""
        if self._raises or not is_outage(error):
            raise error
        _log.warning("%s: the id of a file was not %s: %s", self.label, what, error)
