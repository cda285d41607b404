"""What runs for all tests of a folder is there before the first of them begins."""

from __future__ import annotations

import pytest

from tests.servers.cloudflare import KvServer


@pytest.fixture(scope="session", autouse=True)
def _kv_is_there(_kv: KvServer) -> None:
    """A row asks for it in the middle of a test, which would be said to have left it open."""
