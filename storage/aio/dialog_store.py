# Written by tools/mirror.py from storage/dialog_store.py: change that file and run the tool.
"""What a backend offers that keeps sessions and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..dialogs import NOTHING, Asked, Change, Changed, Fields, Held, Said, Terms, Wanted


class DialogStore(Protocol):
    """Sessions of session continuity, and the messages of each in the order in which they came.

    Each method is one step that is atomic by itself. The time is that of the store. A session that
    is not kept any more is absent to every method, and so are its messages. One whose `expiresAt`
    is past has the status `expired` wherever it is told, where it was active or paused.
    """

    async def create(self, fields: Fields, terms: Terms) -> Held | None:
        """Keep a new session; `None` where there is one of that id already.

        *fields* have an `id`. Of `createdAt` and `lastActivityAt`, those that they do not have are
        now; where the terms say how long a session lives, its `expiresAt` is told by that unless
        *fields* have one. The `version` is 1 unless they have one.
        """
        ...

    async def find(self, session_id: str) -> Held | None:
        """The session, expired or not."""
        ...

    async def change(self, session_id: str, change: Change, terms: Terms) -> Changed:
        """Make a *change*: the version is one more then, and the last activity is now, unless it
        is a quiet one. A session that is over is `closed` to one that is not quiet."""
        ...

    async def remove(self, session_id: str, expired_by: int | None = None) -> bool:
        """Take the session away with its messages; with *expired_by*, only where its `expiresAt`
        is then or earlier, and past. Says whether it was there and is gone."""
        ...

    async def select(self, wanted: Wanted) -> Sequence[Held]:
        """The sessions that are *wanted*, in order."""
        ...

    async def add(
        self, session_id: str, message: Fields, terms: Terms, most_tokens: int | None = None
    ) -> Said:
        """Keep a new *message*, which has an `id`, with the number that follows in its session.

        A message of that id that is there already stays as it is: `repeated`. It counts what its
        `tokenCount` says, and where the session has a `tokenBudget` whose `overflowStrategy` is
        `error`, it is `full` when that is more than there may be; *most_tokens* are those that
        there may be in a session that has no budget of its own. Its `createdAt` is now unless it
        has one. The last activity of the session is now.
        """
        ...

    async def messages(self, session_id: str, asked: Asked) -> Sequence[Fields]:
        """The messages that are *asked* for, in order."""
        ...

    async def amend(
        self,
        session_id: str,
        message_id: str,
        put: Fields,
        drop: Sequence[str],
        terms: Terms,
        expected: Fields = NOTHING,
    ) -> Said:
        """Change fields of a message; its `updatedAt` is now, and its tokens count as they are
        now. Where a field of what is *expected* is another one, an empty one being none, it is a
        `conflict`."""
        ...

    async def discard(self, session_id: str, message_id: str, terms: Terms) -> Said:
        """Take a message away, and say what it was; that goes in a session that is over as well."""
        ...

    async def discard_all(self, session_id: str, terms: Terms) -> int | None:
        """Take all messages away, and say how many there were; `None` without a session."""
        ...

    async def ids(self, user_id: str) -> Sequence[str]:
        """The ids of all sessions of a user, whatever is in them."""
        ...

    async def expired(self, before: int | None) -> Sequence[str]:
        """The ids of sessions whose `expiresAt` is then, or now, or earlier. What is left of those
        that are not kept any more goes."""
        ...

    async def ping(self) -> None:
        """Raise where the store does not answer."""
        ...
