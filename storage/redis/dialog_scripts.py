"""The scripts about sessions: each is one step."""

from __future__ import annotations

from typing import Final

from .commands import Script

_READS: Final = ("iso", "moment", "dialog")
_STEPS: Final = (*_READS, "dialog_terms")

LOOK = Script("dialog_look", *_READS, "dialog_seen")
LISTED = Script("dialog_listed", *_READS, "dialog_seen", "dialog_lists")
PAGE, COUNT = Script("dialog_page", *_READS), Script("dialog_count", *_READS)
ONE = Script("dialog_one", *_READS)
CREATE = Script("dialog_create", *_STEPS, "dialog_gone")
CHANGE, RENEW = Script("dialog_change", *_STEPS), Script("dialog_renew", *_STEPS)
ADD = Script("dialog_add", "iso", "dialog_budget", "dialog_usual", *_STEPS[1:])
AMEND = Script("dialog_amend", *_STEPS)
DISCARD, EMPTY = (
    Script("dialog_discard", *_STEPS),
    Script("dialog_empty", *_STEPS, "dialog_gone"),
)
REMOVE = Script("dialog_remove", *_READS, "dialog_gone")
SWEEP, CLEAR = (
    Script("dialog_sweep", *_READS, "dialog_gone"),
    Script("dialog_clear", *_READS, "dialog_gone"),
)
PRUNE, IDS = (
    Script("dialog_prune", *_READS, "dialog_lists"),
    Script("dialog_ids", *_READS, "dialog_lists"),
)
OVERDUE, WHOSE = Script("dialog_overdue", *_READS), Script("dialog_whose", *_READS)
