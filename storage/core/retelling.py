"""How the lines of a file become conversations again, each of them whole or not at all."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import NamedTuple

from ..codecs import UnreadableError
from ..errors import CorruptValueError, StorageError, UnstorableError
from ..histories import Terms
from .composing import Composer
from .edits import replayed
from .history import LEADING, MOST_GUARDED, State, append, packed
from .messages import ESTIMATED, MOST_SEQ, marks
from .reports import Report
from .transcripts import About, End, MisreadError, Said, has_header, read


class Retold(NamedTuple):
    """A conversation that was read from a file."""

    key: str
    state: bytes
    records: list[bytes]
    born: int
    ends: int | None
    """When it was to be over."""

    def lasting(self, terms: Terms, now: int) -> Terms | None:
        """On which terms it is kept from *now* on, `None` where it is over: on these, and until
        its own end where they say none."""
        ends = None if terms.max_age_ms is None else self.born + terms.max_age_ms
        if any(moment is not None and moment <= now for moment in (ends, self.ends)):
            return None
        if self.ends is None or terms.ttl_ms is not None or terms.max_age_ms is not None:
            return terms
        return terms._replace(ttl_ms=self.ends - now)


class Retelling:
    """Makes conversations of *lines*, of which errors speak as *label*.

    What is not told in a line is as if it was said *now*. What is wrong goes to *report*; nothing
    comes of a conversation that a wrong line is part of.
    """

    def __init__(
        self, lines: Iterable[bytes], label: str, composer: Composer, now: int, report: Report
    ) -> None:
        self._lines = enumerate(lines, 1)
        self._label = label
        self._composer = composer
        self._now = now
        self._report = report
        self._seen: set[str] = set()
        self._part: _Part | None = None
        self._end: int | None = None
        self._is_spoiling = False
        """Whether a line was wrong that may be the first one of the next conversation."""

        _, self._first = next(self._lines, (0, b""))
        self._has_end = has_header(self._first, label)

    def conversations(self) -> Generator[Retold]:
        """The conversations, one at a time."""
        if not self._has_end:
            yield from self._line(1, self._first)
        for number, text in self._lines:
            if text.strip():
                yield from self._line(number, text)
        if self._has_end and self._end != self._report.looked_at:
            self._report.is_torn = True
            if self._part is not None:
                message = "the file ends before all of it was told"
                self._spoil(self._part, self._error(message, self._part.key))
        yield from self._finished()

    def _line(self, number: int, text: bytes) -> Generator[Retold]:
        line: About | Said | End | MisreadError
        try:
            if self._end is not None:
                raise UnreadableError("it follows the end")
            line = read(text)
        except MisreadError as error:
            line = error
        except ValueError as error:
            self._misread(number, text, error)
            return
        if isinstance(line, End):
            self._end = line.messages
            yield from self._finished()
            return
        if self._part is None or self._part.key != line.key:
            yield from self._finished()
            self._part = self._begun(number, line.key)
        self._is_spoiling = False
        self._add(self._part, number, line)

    def _begun(self, number: int, key: str) -> _Part:
        part = _Part(key)
        if key in self._seen:
            self._spoil(part, self._error(f"line {number}: its lines are not together", key))
        if self._is_spoiling:
            part.is_spoilt = True
        self._seen.add(key)
        return part

    def _add(self, part: _Part, number: int, line: About | Said | MisreadError) -> None:
        if not isinstance(line, About):
            self._report.looked_at += 1
            part.count += 1
        try:
            if isinstance(line, MisreadError):
                raise line
            if part.is_spoilt:
                return
            if isinstance(line, About):
                part.tell(line)
            else:
                part.add(line, self._composer, self._now)
        except UnstorableError as error:
            message = f"line {number}: {error.path}: {error.reason}"
            self._spoil(part, self._error(message, part.key))
        except StorageError as error:
            self._spoil(part, error)
        except ValueError as error:
            self._spoil(part, self._error(f"line {number}: {error}", part.key))

    def _misread(self, number: int, text: bytes, error: ValueError) -> None:
        """A line of which nobody knows to which conversation it belongs."""
        self._report.looked_at += 1
        if not text.endswith(b"\n"):  # the end of it was lost
            self._report.is_torn = True
        self._report.fail((), None, self._error(f"line {number}: {error}"))
        self._is_spoiling = True
        if self._part is not None:
            self._part.is_spoilt = True

    def _finished(self) -> Generator[Retold]:
        part, self._part = self._part, None
        if part is None:
            return
        if part.is_spoilt:
            self._report.failed += part.count
            return
        yield part.retold(self._now)

    def _spoil(self, part: _Part, error: StorageError) -> None:
        part.is_spoilt = True
        part.records.clear()
        self._report.note((), part.key or None, error)

    def _error(self, message: str, key: str | None = None) -> CorruptValueError:
        return CorruptValueError(message, store=self._label, key=key)


class _Part:
    """The conversation that is being read."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.records: list[bytes] = []
        self.count = 0
        self.is_spoilt = False
        self._about = About(key)
        self._state = State(0)

    def tell(self, about: About) -> None:
        """Know this about it."""
        if self.count:
            raise ValueError("what is told about a conversation comes before its messages")
        self._about = about

    def add(self, said: Said, composer: Composer, now: int) -> None:
        """Have one more message."""
        state = self._state
        seq = state.seq + 1 if said.seq is None else said.seq
        at = max(state.at, now) if said.at is None else said.at
        if not state.seq < seq <= MOST_SEQ:
            raise ValueError("its number is not larger than that of the message before it")
        if at < state.at:
            raise ValueError("it came before the message before it")
        entry = composer.entry(self.key, said.message, said.tokens, pin=bool(said.stays))
        if said.is_estimate:
            entry = entry._replace(flags=entry.flags | ESTIMATED)
        if said.stays is False:  # so it is no part of a system prompt
            state.flags &= ~LEADING
        state.seq = seq - 1
        done, records = append(state, [entry], Terms(keeps_orphans=True), at)
        if done.outcome != "appended":
            raise ValueError(f"more than {MOST_GUARDED} messages of a conversation can not stay")
        self.records += records

    def retold(self, now: int) -> Retold:
        """All of it."""
        found = marks(self.records)
        born = found[0].at if found else now
        if self._about.began is not None:
            born = min(born, self._about.began)
        state = replayed(found, born)
        state.seq = max(state.seq, self._about.last_seq or 0)
        return Retold(self.key, packed(state), self.records, born, self._about.ends)
