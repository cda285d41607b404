"""What every store must do, as pytest tests: one a law.

    class TestMine(StorageContract):
        def make(self, clock, ttl=None):
            return storage.adapt(MyStore())

The store may be blocking or asyncio.
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__package__}.laws")

from .laws.amending import (  # noqa: E402 - after what makes their assertions speak
    Altering,
    Forgetting,
    Restoring,
)
from .laws.closing import Closing  # noqa: E402
from .laws.crowds import Crowds, Once  # noqa: E402
from .laws.edits import Edits, Merging  # noqa: E402
from .laws.elapsing import Closed, Expiring, Lasting  # noqa: E402
from .laws.enumerating import Hearing, Listing  # noqa: E402
from .laws.expired import Expired  # noqa: E402
from .laws.fading import Fading  # noqa: E402
from .laws.holding import Arguments, Claims, Holding, Renewing  # noqa: E402
from .laws.hurrying import SessionCrowds  # noqa: E402
from .laws.keeping import Making, Removing, SessionCopies, Updating  # noqa: E402
from .laws.keys import Keys, Namespaces  # noqa: E402
from .laws.leasing import Claiming, Leasing  # noqa: E402
from .laws.leaving import Changing, Leaving  # noqa: E402
from .laws.lifetimes import Defaults, Lifetimes  # noqa: E402
from .laws.limiting import Apart, LimitCrowds, LimitLogs, Passing  # noqa: E402
from .laws.metering import Blocking, Refunding, Slotting, Telling, Together  # noqa: E402
from .laws.privacy import Privacy  # noqa: E402
from .laws.queueing import Queueing, Waiting  # noqa: E402
from .laws.recalling import Appending, TalkLogs  # noqa: E402
from .laws.refusing import Ending, Refusing, Silence  # noqa: E402
from .laws.reserving import Reserving  # noqa: E402
from .laws.steps import Adding, Counting, Swapping  # noqa: E402
from .laws.telling import Amending, Budgets, Saying  # noqa: E402
from .laws.trimming import Reading, TalkingCrowds, Trimming  # noqa: E402
from .laws.updates import Updates  # noqa: E402
from .laws.values import Copies, Refusals, Values  # noqa: E402
from .laws.visiting import Entering, Looking, VisitingCrowds, VisitLogs  # noqa: E402
from .laws.walks import Batches, Walks  # noqa: E402


class StorageContract(
    Values,
    Copies,
    Refusals,
    Keys,
    Namespaces,
    Lifetimes,
    Defaults,
    Expired,
    Walks,
    Batches,
    Adding,
    Swapping,
    Counting,
    Updates,
    Edits,
    Merging,
    Once,
    Crowds,
    Closing,
    Privacy,
):
    """The laws of a store; subclass it and override `make`.

    `verbatim`, `knows_none`, `clock_moves`, `slack_ms`, `prefixed`, `longest_key`, `no_keys` and
    `tick` are there for a store that is different in these. One whose `capabilities` say that it
    never looks and writes at once must refuse what needs that, before anything is asked or run.
    """


class LeaseContract(
    Leasing,
    Queueing,
    Waiting,
    Claiming,
    Holding,
    Renewing,
    Claims,
    Arguments,
):
    """The laws of a store that has leases and claims; subclass it and override `make`."""


class VisitContract(
    Looking,
    Entering,
    Leaving,
    Changing,
    VisitingCrowds,
):
    """The laws of visits to the entries of a store that has leases; subclass it and override
    `make`, and `visits_of` where it is not the store that offers them."""


class VisitRoomContract(VisitContract, VisitLogs):
    """The same for a store that offers them."""


class LimitContract(
    Passing,
    Apart,
    Together,
    Refunding,
    Blocking,
    Reserving,
    Telling,
    Slotting,
    LimitCrowds,
):
    """The laws of rate limits; subclass it and override `make`, and `limits_of` where it is not
    the store that offers them."""


class LimitRoomContract(LimitContract, LimitLogs):
    """The same for a store that offers them."""


class HistoryContract(
    Appending,
    Trimming,
    Reading,
    Altering,
    Restoring,
    Forgetting,
    Fading,
    TalkingCrowds,
    TalkLogs,
):
    """The laws of conversations as a store keeps them; subclass it and override `make`."""


class ContinuityContract(
    Making,
    SessionCopies,
    Updating,
    Removing,
    Listing,
    Hearing,
    Saying,
    Budgets,
    Amending,
    Closed,
    Expiring,
    Lasting,
    Refusing,
    Ending,
    Silence,
    SessionCrowds,
):
    """The laws of an adapter of session continuity; subclass it and override `make`, and `beside`
    where several adapters can have the same sessions."""


__all__ = [
    "ContinuityContract",
    "HistoryContract",
    "LeaseContract",
    "LimitContract",
    "LimitRoomContract",
    "StorageContract",
    "VisitContract",
    "VisitRoomContract",
]
