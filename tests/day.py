"""Whether it is day, when a law is proved on what differs in kind, or night, when on everything."""

from __future__ import annotations

import os

IS_LONG = bool(os.environ.get("STORAGE_TEST_LONG"))
"""By night."""
