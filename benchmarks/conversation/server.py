"""What the server itself says that it did."""

from __future__ import annotations

from typing import Any

from ..harness import Sample, Variant


def at_server(client: Any, variant: Variant, command: str, operations: int) -> Variant:
    """The time that *command* took at the server, in the place of both clocks."""

    def run(number: int) -> Sample:
        calls, micros = _spent(client, command)
        variant.run(number)
        more_calls, more_micros = _spent(client, command)
        if more_calls - calls != operations:
            raise RuntimeError(f"{more_calls - calls} calls of {command}, not {operations}")
        seconds = (more_micros - micros) / operations / 1e6
        return Sample(seconds, seconds)

    return Variant(variant.text, run)


def _spent(client: Any, command: str) -> tuple[int, int]:
    """How often *command* ran, and for how many microseconds in all."""
    about = client.info("commandstats").get(f"cmdstat_{command}", {})
    return about.get("calls", 0), about.get("usec", 0)
