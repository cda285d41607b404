"""No `repr`, no error and no log line shows a value."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, Final

import pytest

from ...errors import StorageError
from .calls import methods_of
from .suite import Suite, stepping

SECRET: Final = "planted-secret"


class Privacy(Suite):
    def test_repr_shows_no_payload(self, store: Any) -> None:
        store.set(SECRET, {SECRET: SECRET})

        for one in (store, store.namespace("a")):
            assert SECRET not in repr(one)
            assert repr(one).startswith("<")

    def test_no_error_shows_a_payload(self, store: Any) -> None:
        value = {SECRET: SECRET}
        store.set_many({"dict": value, "text": SECRET, "list": [SECRET]})
        refused: list[Callable[[], object]] = [
            lambda: store.incr("text"),
            lambda: store.incr("dict"),
            lambda: store.set("dict", [SECRET, {SECRET}]),
            lambda: store.swap("dict", value, {"n": object}),
            lambda: _edit_text(store),
            lambda: _clash(store),
        ]
        for call in refused:
            with pytest.raises(StorageError) as caught:
                call()

            error: BaseException | None = caught.value
            while error is not None:
                assert SECRET not in f"{error!s} {error!r}"
                error = error.__cause__

    def test_the_log_shows_operation_key_and_duration_and_never_a_value(
        self, store: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, logger="storage"):
            for name, call in methods_of(store).items():
                caplog.clear()
                call(store, f"the key of {name}")

                lines = [one.getMessage() for one in caplog.records if one.name == "storage"]
                assert lines
                assert all(re.search(r"\b[a-z_]+ .* [0-9.]+ ms", line) for line in lines)
                if not name.endswith("_many"):
                    assert any(f"the key of {name}" in line for line in lines)

    def test_the_log_shows_no_value(self, store: Any, caplog: pytest.LogCaptureFixture) -> None:
        value = {SECRET: [SECRET]}
        with caplog.at_level(logging.DEBUG):
            store.set_many({"a": value, "b": SECRET})
            store.set("d", value)
            store.get_many(["a", "b"])
            store.get("a")
            store.delete("a")

        assert SECRET not in caplog.text

    @stepping
    def test_the_log_shows_no_value_of_a_step(
        self, store: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        value = {SECRET: [SECRET]}
        with caplog.at_level(logging.DEBUG):
            store.set_many({"a": value, "b": SECRET})
            store.add("e", value)
            store.swap("a", value, {SECRET: 1})
            store.update("a", lambda found: {**found, "n": SECRET})
            with store.edit("a") as draft:
                draft[SECRET] = [SECRET]
            store.get_or_set("c", lambda: SECRET)
            with pytest.raises(StorageError):
                store.incr("b")

        assert SECRET not in caplog.text

    def test_nothing_is_logged_unless_it_is_wanted(
        self, store: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO):
            for name, call in methods_of(store).items():
                call(store, name)

        assert [one for one in caplog.records if one.name == "storage"] == []


def _edit_text(store: Any) -> None:
    with store.edit("text"):
        pytest.fail("there is no draft")


def _clash(store: Any) -> None:
    with store.edit("list") as draft:
        draft.append(SECRET)
        store.set("list", [SECRET, 1])
