"""What many tasks ask of a server that has forgotten its scripts."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from storage.aio.redis.lane import Lane
from storage.redis.commands import ONCE, Script, run
from tests.fault.proxy import Proxy
from tests.fault.redis import test_lane as lanes
from tests.servers import Server

SCRIPT = Script("incr")


def test_a_script_is_spelled_out_once_for_all_who_ask_for_it(proxy: Proxy, valkey: Server) -> None:
    async def test(store: Any) -> None:
        for times in (1, 2):
            valkey.call("SCRIPT", "FLUSH")
            await asyncio.gather(*(store.incr("n") for _ in range(lanes.MANY)))
            assert proxy.forwarded.count("EVAL") == times
            assert proxy.forwarded.count("EVALSHA") == times * (2 * lanes.MANY - 1)

        assert await store.get("n") == 2 * lanes.MANY

    lanes.run(proxy, test)


def test_who_waits_while_a_script_is_spelled_out_is_not_refused(valkey: Server) -> None:
    """Those who were refused are those whose answers were under way, on two connections."""

    def asked(name: str) -> int:
        told = valkey.info("commandstats").get(f"cmdstat_{name}", "calls=0,")
        return int(told.removeprefix("calls=").split(",")[0])

    async def test(store: Any) -> None:
        valkey.call("SCRIPT", "FLUSH")
        before = asked("evalsha")
        found = await asyncio.gather(*(store.incr("n") for _ in range(lanes.CALLS)))

        assert sorted(found) == list(range(1, lanes.CALLS + 1))
        assert asked("evalsha") - before <= lanes.CALLS + 2 * lanes.OWED + 2 * lanes.AT_ONCE

    lanes.run(valkey, test)


def test_what_who_gave_up_would_have_spelled_out_another_does() -> None:
    async def main() -> None:
        lane = Lane(("host", 1), 1.0, lambda _: None)
        command = run(SCRIPT, ONCE, (b"k",), 1).spelled_out()
        first = lane.tell(command, math.inf)
        first.cancel()
        others = [lane.tell(command, math.inf) for _ in range(2)]

        assert [(waiter, packed) for waiter, packed, *_ in lane.queue] == [
            (others[0], command.packed()),
            (first, command.packed()),
            (others[1], command.in_short().packed()),
        ]
        lane.cut()

    asyncio.run(main())
