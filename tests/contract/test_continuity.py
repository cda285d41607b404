"""Every adapter of session continuity keeps every law about them, in both colours."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.core.dialog.errors import StorageError
from storage.errors import CorruptValueError
from storage.testing import Bridge, Clock, ContinuityContract
from storage.testing.laws.continuity import Continued, heard, ids, say
from storage.testing.laws.privacy import SECRET
from tests.contract.adapters import ADAPTERS, Ground, Row, params

SPOILT = [row for row in ADAPTERS if row.name in ("sqlite", "valkey")]
"""Where somebody else can write."""

SESSIONS = {
    "metadata": (f'{{"{SECRET}', f'["{SECRET}"]'),
    "participants": (f'{{"{SECRET}": 1}}', f'["{SECRET}"]', '[{"id": "a", "joinedAt": "then"}]'),
    "tokenBudget": ("[", '{"reserveTokens": 1}'),
    "compression": ("[1]", SECRET),
    "createdAt": (SECRET, ""),
    "expiresAt": ("2023-13-01T00:00:00.000Z",),
}
MESSAGES = {"metadata": (f'{{"{SECRET}', "[]"), "createdAt": (SECRET,), "tokenCount": ("many",)}
"""Texts that are none of these fields."""


class OnRows(Continued):
    made_from: Row
    ground: Ground

    def opened_for(self, row: Row, request: Any, folder: Path, clock: Clock) -> Iterator[Row]:
        self.made_from = row
        self.slack_ms = row.late_ms
        self.ground = row.ground(request, folder, clock)
        yield row
        self.ground.close()

    def make(self, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.opened(self.ground, ttl)

    def beside(self, adapter: Any, clock: Clock, ttl: Any = None) -> Any:
        return self.made_from.beside(self.ground, adapter, ttl)


class TestContinuity(OnRows, ContinuityContract):
    @pytest.fixture(autouse=True, params=params(ADAPTERS))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        yield from self.opened_for(request.param, request, tmp_path, clock)


class TestSpoilt(OnRows):
    """What can not be read is an error that says where it is, and harms nothing else."""

    @pytest.fixture(autouse=True, params=params(SPOILT))
    def row(self, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Row]:
        yield from self.opened_for(request.param, request, tmp_path, clock)

    @pytest.fixture
    def base(self, clock: Clock, bridge: Bridge) -> Iterator[Any]:
        base = self.make(clock)
        yield base
        bridge.driven(base).close()

    def spoil(self, base: Any, kind: str, name: str, **texts: str) -> None:
        self.made_from.spoil(self.ground, base, kind, name, **texts)

    def test_a_session_that_can_not_be_read_is_named(self, base: Any, bridge: Bridge) -> None:
        adapter = bridge.driven(base)
        adapter.create_session({"id": "good", "user_id": "ann"})
        say(adapter, "good", "hello")
        for number, (field, texts) in enumerate(SESSIONS.items()):
            for turn, text in enumerate(texts):
                name = f"s{number}.{turn}"
                adapter.create_session({"id": name, "user_id": "ann"})
                self.spoil(base, "session", name, **{field: text})

                with corrupt(name):
                    adapter.get_session(name)
                for asked in ({}, {"user_id": "ann"}):
                    with corrupt(name):
                        adapter.list_sessions(asked)
                assert ids(adapter.list_sessions({"user_id": "bob"})) == []
                assert ids(adapter.list_sessions(on_corrupt="skip")) == ["good"]
                assert sorted(adapter.list_session_ids("ann")) == ["good", name]
                assert heard(adapter, "good") == ["hello"]
                say(adapter, name, "goes all the same")
                assert heard(adapter, name) == ["goes all the same"]
                assert list(adapter.get_expired_sessions()) == []
                assert adapter.delete_session(name) is True
                assert ids(adapter.list_sessions()) == ["good"]

    def test_an_update_puts_right_what_can_not_be_read(self, base: Any, bridge: Bridge) -> None:
        adapter = bridge.driven(base)
        adapter.create_session({"id": "s"})
        self.spoil(base, "session", "s", metadata="{", participants="{")
        with corrupt("s", "update session"):
            adapter.update_session("s", {"metadata": {"n": 1}})

        updated = adapter.update_session("s", {"metadata": {"n": 1}, "participants": ()})
        assert updated.metadata == {"n": 1}
        assert adapter.get_session("s") == updated

    def test_a_version_that_is_no_number_is_told(self, base: Any, bridge: Bridge) -> None:
        adapter = bridge.driven(base)
        adapter.create_session({"id": "s"})
        self.spoil(base, "session", "s", version=SECRET)

        with corrupt("s"):
            adapter.get_session("s")
        with corrupt("s", "update session"):
            adapter.update_session("s", {"metadata": {"n": 1}})

    def test_a_message_that_can_not_be_read_is_told(self, base: Any, bridge: Bridge) -> None:
        adapter = bridge.driven(base)
        adapter.create_session({"id": "s"})
        adapter.create_session({"id": "good"})
        say(adapter, "good", "hello")
        for field, texts in (*MESSAGES.items(), ("content", (f'["{SECRET}"]', f"{{{SECRET}"))):
            for text in texts:
                say(adapter, "s", "one", id="m")
                kind = {"contentType": "json"} if field == "content" else {}
                self.spoil(base, "message", "m", **{field: text}, **kind)

                with corrupt("s", "get messages"):
                    adapter.get_messages("s")
                assert heard(adapter, "s", limit=0) == []
                assert heard(adapter, "good") == ["hello"]
                assert adapter.delete_all_messages("s") == 1
                assert heard(adapter, "s") == []
                assert adapter.get_session("s")[12:14] == (0, 0)


@contextmanager
def corrupt(name: str, what: str = "Failed") -> Iterator[None]:
    """The block can not read the session, and does not say what stands there."""
    with pytest.raises(StorageError, match=what) as caught:
        yield
    cause = caught.value.__cause__
    assert type(cause) is CorruptValueError
    assert cause.key == name
    assert cause.store
    shown = "".join(traceback.format_exception_only(type(cause), cause))
    assert SECRET not in f"{shown}{cause!r}{caught.value}"
