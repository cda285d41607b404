"""What is said to a server: commands, what they may do twice, and the scripts they run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from ..ttl import At, Expiry, Keeping

Word = bytes | int
"""One part of a command; it is sent as text.

hiredis would make the text of an `int`, and crashes when a signal handler raises meanwhile.
"""


class Effect(Enum):
    """What a command does to the data, and so whether it may be said again."""

    READ = "nothing"
    AGAIN = "the same when it is done twice"
    ONCE = "something else when it is done twice"


_TWO = b"*2\r\n" + b"$%d\r\n%b\r\n" * 2
_THREE = b"*3\r\n" + b"$%d\r\n%b\r\n" * 3
_FOUR = b"*4\r\n" + b"$%d\r\n%b\r\n" * 4
_FIVE = b"*5\r\n" + b"$%d\r\n%b\r\n" * 5
"""How commands of so many words are sent, as nearly all are that are not of one script."""

_GET = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n"

_KNOWN = 512
_LENGTHS = [b"$%d\r\n" % length for length in range(_KNOWN)]
"""What stands before a word that is so long, as nearly all are."""

_END = b"\r\n"

_COUNTS = [b"%d" % number for number in range(8)]

READ, AGAIN, ONCE = Effect.READ, Effect.AGAIN, Effect.ONCE


class Script:
    """One atomic step in Lua; the head of its file says what it takes and returns.

    Before it stand the files that it *shares* with others, which do nothing by themselves.
    """

    def __init__(self, name: str, *shares: str) -> None:
        folder = Path(__file__).parent / "lua"
        files = [folder / f"{one}.lua" for one in (*shares, name)]
        self.source: bytes = b"".join(file.read_bytes() for file in files)
        self.sha: bytes = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()


class Command(NamedTuple):
    """One command; *key* decides which node of a cluster gets it, unless it is *at* one."""

    effect: Effect
    key: bytes
    words: tuple[bytes, ...]
    script: Script | None = None
    at: tuple[str, int] | None = None

    def packed(self) -> bytes:
        """What is sent for it: its words, and how long each of them is."""
        words = self.words
        if len(words) == 2:
            first, second = words
            return _TWO % (len(first), first, len(second), second)
        if len(words) == 3:
            first, second, third = words
            return _THREE % (len(first), first, len(second), second, len(third), third)
        if len(words) == 4:
            first, second, third, last = words
            pairs = (len(first), first, len(second), second, len(third), third, len(last), last)
            return _FOUR % pairs
        if len(words) == 5:
            one, two, three, four, five = words
            return _FIVE % (
                *(len(one), one, len(two), two, len(three), three),
                *(len(four), four, len(five), five),
            )
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            length = len(word)
            head = _LENGTHS[length] if length < _KNOWN else b"$%d\r\n" % length
            parts += (head, word, _END)
        return b"".join(parts)

    def spelled_out(self) -> SpelledOut:
        """The same with the whole script in it, for a server that does not know it yet."""
        assert self.script is not None
        words = (b"EVAL", self.script.source, *self.words[2:])
        return SpelledOut(self.effect, self.key, words, self.script, self.at)


class SpelledOut(Command):
    """What runs a script that stands in it."""

    __slots__ = ()

    def in_short(self) -> Command:
        """The same with no more than the name of the script, for a server that knows it."""
        assert self.script is not None
        words = (b"EVALSHA", self.script.sha, *self.words[2:])
        return Command(self.effect, self.key, words, self.script, self.at)


class Get(Command):
    """What reads the text at its key, and is sent as often as all others together."""

    __slots__ = ()

    def packed(self) -> bytes:
        key = self.key
        return _GET % (len(key), key)


class Packer:
    """Packs what the client library says by itself while it connects.

    hiredis, to which it would leave that, crashes when a signal handler raises while a number
    becomes text.
    """

    def pack(self, *words: bytes | str | float) -> list[bytes]:
        """What is sent for *words*; the first one may be several."""
        first, *others = map(_text, words)
        return [Command(READ, b"", (*first.split(), *others)).packed()]


def _text(word: bytes | str | float) -> bytes:
    if isinstance(word, str):
        return word.encode()
    return bytes(word) if isinstance(word, (bytes, bytearray, memoryview)) else repr(word).encode()


def run(script: Script, effect: Effect, keys: tuple[bytes, ...], *words: Word) -> Command:
    """The command that runs *script* over *keys*, which are in one slot."""
    texts = [word if isinstance(word, bytes) else b"%d" % word for word in words]
    return run_words(script, effect, keys, texts)


def run_words(
    script: Script, effect: Effect, keys: tuple[bytes, ...], words: Iterable[bytes]
) -> Command:
    """The same where all *words* are texts already."""
    count = _COUNTS[len(keys)] if len(keys) < len(_COUNTS) else b"%d" % len(keys)
    return Command(effect, keys[0], (b"EVALSHA", script.sha, count, *keys, *words), script)


def lasting(expiry: Expiry) -> tuple[bytes, ...]:
    """The options of `SET` for *expiry*; a script understands them too.

    What is kept, or else begins anew, has no such option: `KEEP` and a lifetime are for scripts.
    """
    if expiry is None:
        return ()
    if isinstance(expiry, Keeping):
        otherwise = lasting(expiry.otherwise)
        return (b"KEEPTTL",) if not otherwise else (b"KEEP", otherwise[1])
    if isinstance(expiry, At):
        return (b"PXAT", b"%d" % max(expiry.ms, 1))
    return (b"PX", b"%d" % expiry)


def lasting_on(expiry: Expiry) -> tuple[bytes, ...]:
    """The options of `SET` for *expiry*, for an entry that is there for certain."""
    return (b"KEEPTTL",) if isinstance(expiry, Keeping) else lasting(expiry)


def lasting_anew(expiry: Expiry) -> tuple[bytes, ...]:
    """The options of `SET` for *expiry*, for an entry that is not there."""
    return lasting(expiry.otherwise if isinstance(expiry, Keeping) else expiry)


def starting_with(prefix: str) -> bytes:
    """The glob of all names that start with *prefix*, whatever is in it."""
    escaped = "".join(f"\\{one}" if one in "*?[]\\" else one for one in prefix)
    return f"{escaped}*".encode()
