"""Proof for whoever writes a store: contracts, a clock turned by hand, Hypothesis strategies, a
state machine, and a bridge that drives asyncio objects by plain calls.

The contract and the machines need pytest and Hypothesis, which are imported when they are asked
for; the clock and the bridge need nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .bridge import Bridge, driven
from .clock import Clock

if TYPE_CHECKING:
    from .contract import ContinuityContract, LeaseContract, StorageContract
    from .lru import lru_machine
    from .machine import kv_machine
    from .model import Model
    from .runs import CountingMachine, run_machine, step

_LATER = {
    "ContinuityContract": ".contract",
    "CountingMachine": ".runs",
    "LeaseContract": ".contract",
    "Model": ".model",
    "StorageContract": ".contract",
    "kv_machine": ".machine",
    "lru_machine": ".lru",
    "run_machine": ".runs",
    "step": ".runs",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name], __name__), name)


__all__ = [
    "Bridge",
    "Clock",
    "ContinuityContract",
    "CountingMachine",
    "LeaseContract",
    "Model",
    "StorageContract",
    "driven",
    "kv_machine",
    "lru_machine",
    "run_machine",
    "step",
]
