"""What a server is told of scripts that it does not know, where many tasks share a connection."""

from __future__ import annotations

from typing import Any

from ...redis.commands import SpelledOut
from ...redis.replies import Trouble, refuses, word
from .lane import Lane


async def tell(lane: Lane, command: SpelledOut, deadline: float) -> Any:
    """What comes to the answer to *command*, as to what is put in *lane*.

    Of all who ask for a script one spells it out, and that is sent before what waits. Where he may
    not, nobody may: the others hear what he heard, or each would be refused after the one before.
    """
    assert command.script is not None
    name = command.script.sha
    teller = lane.tellers.get(name)
    if teller is None or teller.done():
        teller = lane.tellers[name] = lane.put(command.packed(), deadline)
        if lane.queue and lane.queue[-1][0] is teller:  # it is not sent yet
            lane.queue = [lane.queue[-1], *lane.queue[:-1]]
        return await teller
    reply = await lane.put(command.in_short().packed(), deadline)
    is_unknown = type(reply) is Trouble and word(reply.error) == "NOSCRIPT"
    if is_unknown and teller.done() and not teller.cancelled():
        told = teller.result()
        if type(told) is Trouble and refuses(told.error, "eval"):
            return told
    return reply
