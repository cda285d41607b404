"""What many tasks ask of a server that has forgotten its scripts."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from storage import AccessDeniedError
from storage.aio.redis.lane import Lane
from storage.aio.redis.scripts import tell
from storage.redis.commands import ONCE, Script, run
from tests.fault.proxy import Proxy
from tests.fault.redis import test_lane as lanes
from tests.servers import Server, user

pytestmark = pytest.mark.timed

SCRIPT = Script("incr")
FEW = 6


def asked(server: Server, name: str) -> int:
    """How often the server was asked for the command of this *name*."""
    told = server.info("commandstats").get(f"cmdstat_{name}", "calls=0,")
    return int(told.removeprefix("calls=").split(",")[0])


def test_a_script_is_spelled_out_by_few_of_all_who_ask_for_it(proxy: Proxy, valkey: Server) -> None:
    """One of those does it who are refused before it is answered."""

    async def test(store: Any) -> None:
        for times in (1, 2):
            valkey.call("SCRIPT", "FLUSH")
            await asyncio.gather(*(store.incr("n") for _ in range(lanes.MANY)))
            told, asked = (proxy.forwarded.count(name) for name in ("EVAL", "EVALSHA"))
            assert times <= told <= times * FEW
            assert told + asked == times * 2 * lanes.MANY

        assert await store.get("n") == 2 * lanes.MANY

    lanes.run(proxy, test)


def test_who_waits_while_a_script_is_spelled_out_is_not_refused(valkey: Server) -> None:
    """Those who were refused are those whose answers were under way, on two connections."""

    async def test(store: Any) -> None:
        valkey.call("SCRIPT", "FLUSH")
        before = asked(valkey, "evalsha")
        found = await asyncio.gather(*(store.incr("n") for _ in range(lanes.CALLS)))

        assert sorted(found) == list(range(1, lanes.CALLS + 1))
        assert asked(valkey, "evalsha") - before <= lanes.CALLS + 2 * lanes.OWED + 2 * lanes.AT_ONCE

    lanes.run(valkey, test)


def test_who_may_not_spell_a_script_out_is_told_so_with_all_who_ask_for_it(valkey: Server) -> None:
    async def test(store: Any) -> None:
        valkey.call("SCRIPT", "FLUSH")
        before = asked(valkey, "evalsha")
        found = await lanes.every(store.incr("n") for _ in range(lanes.MANY))

        assert {type(one) for one in found} == {AccessDeniedError}
        assert asked(valkey, "evalsha") - before < 2 * lanes.MANY

    with user(valkey, "reads-scripts", "secret", "~*", "+@all", "-eval") as reader:
        lanes.run(reader, test)


def test_what_who_gave_up_would_have_spelled_out_another_does() -> None:
    async def main() -> None:
        lane = Lane(("host", 1), 1.0, lambda _: None)
        command = run(SCRIPT, ONCE, (b"k",), 1).spelled_out()
        asking = [tell(lane, command, math.inf) for _ in range(3)]
        asking[0].send(None).cancel()
        for one in asking[1:]:
            one.send(None)

        assert [packed for _, packed, *_ in lane.queue] == [
            command.packed(),
            command.packed(),
            command.in_short().packed(),
        ]
        assert [waiter.cancelled() for waiter, *_ in lane.queue] == [False, True, False]
        lane.cut()
        for one in asking:
            one.close()

    asyncio.run(main())
