"""What a manager is made of, and what it can not be made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

import storage.aio.continuity
import storage.continuity
from storage.core.dialog.errors import ValidationError
from tests.continuity.managed import Managed


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"logger": "x"}, "logger must be a logger, not str"),
        ({"clock": 5}, "clock must be a function, not int"),
        ({"event_emitter": "x"}, "event_emitter must be a storage.*SessionEventEmitter, not str"),
        ({"cleanup_interval": "x"}, "cleanup_interval must be seconds or a timedelta, not str"),
        ({"cleanup_interval": -1}, "cleanup_interval must be positive"),
        ({"summarizer_timeout": timedelta(0)}, "summarizer_timeout must be positive"),
        ({"summarizer_timeout": True}, "summarizer_timeout must be seconds or a timedelta"),
    ],
)
def test_a_manager_that_is_made_of_something_else(
    managed: Managed, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValidationError, match=match):
        managed.half.SessionManager(managed.adapter(), **options)


def test_a_class_is_no_adapter(managed: Managed) -> None:
    with pytest.raises(ValidationError, match=r"storage must be a storage.*ContinuityAdapter"):
        managed.half.SessionManager(type(managed.adapter()))


def test_an_emitter_of_the_other_colour_is_none(managed: Managed) -> None:
    """It would be awaited by nobody."""
    other = storage.continuity if managed.is_async else storage.aio.continuity
    own = managed.half.SessionEventEmitter.__module__.removesuffix(".events")

    with pytest.raises(ValidationError, match=f"event_emitter must be a {own}.SessionEventEmi"):
        managed.half.SessionManager(managed.adapter(), event_emitter=other.SessionEventEmitter())
