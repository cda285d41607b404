"""Pages of sessions, the last active first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..core.dialog.checks import count, members
from ..core.dialog.errors import ValidationError
from ..core.dialog.queries import cursor_after
from ..core.dialog.records import Session, SessionFilters, SessionPage
from ..core.dialog.session_checks import filters as checked_filters

_OF_A_PAGE: Final = ("limit", "offset", "order", "order_by")


def page_filters(given: object, more: Mapping[str, Any], limit: int) -> SessionFilters:
    """Which sessions are asked for, and one more than there are on a page, or an error."""
    told = members(given, "filters") if given is not None else {}
    if isinstance(given, SessionFilters):
        usual = SessionFilters()._asdict()
        told = {name: value for name, value in told.items() if value != usual[name]}
    for name in _OF_A_PAGE:
        if name in told or name in more:
            raise ValidationError(f"the filters of a page have no {name}")
    most = count(limit, "limit", 1) + 1
    wanted = checked_filters(given, **more)
    return wanted._replace(limit=most, order_by="activity", order="desc")


def page(found: Sequence[Session], limit: int) -> SessionPage:
    """The page, of what was found; a cursor where there is another one after it."""
    shown = tuple(found[:limit])
    return SessionPage(shown, cursor_after(shown[-1], "activity") if len(found) > limit else None)
