"""Run GramIO's own storages beside ours.

    python -m tests.wire.published BUNDLE

BUNDLE is a module for Node.js 22 or later that exports `redisStorage`, `sqliteStorage` for
`node:sqlite`, and `cloudflareStorage` of github.com/gramiojs/storages, as a bundler makes it of
their sources. Nothing of them is kept here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


def main() -> int:
    """The number of tests that failed, as pytest tells it."""
    os.environ["STORAGE_GRAMIO"] = str(Path(sys.argv[1]).resolve())
    here = Path(__file__).parent
    files = [str(here / "test_gramio_program.py"), str(here / "gramio_tables.py")]
    return int(pytest.main([*files, "-p", "no:cacheprovider", *sys.argv[2:]]))


if __name__ == "__main__":
    sys.exit(main())
