"""What can not be had is skipped and counted, or a failure where it is required."""

from __future__ import annotations

import pytest

from tests import servers
from tests.servers import ServerMissingError
from tests.servers.binaries import LACKING
from tests.servers.fixtures import _lacking

NAME = "miniflare"
ERROR = ServerMissingError("npm does not install it")


@pytest.fixture(autouse=True)
def _as_if_it_were_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_REQUIRE", raising=False)
    monkeypatch.setitem(LACKING, NAME, "")
    del LACKING[NAME]  # it is what it was when the test is over


def test_what_is_lacking_is_told_at_the_end() -> None:
    with pytest.raises(pytest.skip.Exception):
        _lacking(NAME, ERROR)

    assert servers.missing()[NAME] == str(ERROR)


def test_what_is_required_may_not_be_lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_REQUIRE", f"node, {NAME}")
    with pytest.raises(pytest.fail.Exception, match="npm does not install it"):
        _lacking(NAME, ERROR)


def test_what_npm_can_not_bring_is_lacking_by_day_only_if_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tests.servers.binaries.IS_LONG", False)

    assert NAME not in servers.missing()
    monkeypatch.setenv("STORAGE_REQUIRE", NAME)
    assert NAME in servers.missing()


def test_what_npm_can_not_bring_is_lacking_by_night(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tests.servers.binaries.IS_LONG", True)

    assert NAME in servers.missing()
