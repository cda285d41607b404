"""What a server was asked while a block ran, as the server itself tells it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .resp import HANDSHAKE, Wire

LINE = re.compile(rb"[\d.]+ \[\d+ (?P<origin>[^\]]*)\] (?P<words>.*)", re.DOTALL)
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """One command that the server ran, and who asked for it: an address, or `lua`."""

    origin: str
    words: tuple[bytes, ...]

    @property
    def name(self) -> str:
        return self.words[0].decode().upper()

    @property
    def scripted(self) -> bool:
        return self.origin == "lua"


@dataclass
class Calls:
    """What the server ran, in its order; complete when the block has ended.

    What it refused to run is not among them, nor what only an administrator may ask for.
    """

    everything: list[Call] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The commands that clients sent, without those that only open a connection."""
        sent = (call.name for call in self.everything if not call.scripted)
        return [name for name in sent if name not in HANDSHAKE]

    @property
    def scripted(self) -> list[str]:
        """The commands that scripts ran."""
        return [call.name for call in self.everything if call.scripted]

    def __len__(self) -> int:
        return len(self.names)


@contextmanager
def counted(connect: Callable[[], Wire]) -> Iterator[Calls]:
    """Listen to a server, which *connect* connects to, for the length of the block."""
    calls = Calls()
    with connect() as ear, connect() as mouth:
        ear.call("MONITOR")
        yield calls
        # What the server ran before this, it has told before this.
        end = uuid.uuid4().hex.encode()
        mouth.call("ECHO", end)
        while (call := _heard(ear)).words[-1] != end:
            calls.everything.append(call)


def _heard(ear: Wire) -> Call:
    found = LINE.fullmatch(ear.read())
    assert found, "the server tells what it runs in another way"
    words = tuple(map(_unquoted, WORD.findall(found["words"])))
    return Call(found["origin"].decode(), words)


def _unquoted(word: bytes) -> bytes:
    return word.decode("unicode_escape").encode("latin-1")
