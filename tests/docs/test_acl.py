"""The rights that `docs/guide/deployment.md` tells are those that a store needs, and no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import redis

import storage
import storage.aio
import storage.compat.gramio
import storage.compat.puregram
import storage.compat.vibegram
from storage import DELETE, KEEP, AccessDeniedError, LeaseStore
from storage.core.history import unpacked
from storage.core.limits import Limit
from storage.core.messages import GUARDED
from storage.dialog_store import DialogStore
from storage.dialogs import Asked, Wanted
from storage.dialogs import Change as Changing
from storage.dialogs import Terms as Dialogs
from storage.histories import Alteration, Bounds, Query, Terms
from storage.protocols import HistoryStore, RateLimitStore, VisitStore
from storage.records import Ask, Change, Meter
from storage.testing import Bridge
from storage.ttl import At, Keeping
from tests.conversation.talking import said
from tests.house.tree import ROOT
from tests.servers import Server

PAGE = (ROOT / "docs" / "guide" / "deployment.md").read_text(encoding="utf-8")
LINE = re.findall(r"^ACL SETUSER .*~storage:\*.*$", PAGE, re.MULTILINE)
RULES = LINE[0].split()[2:]
GRANTED = [rule for rule in RULES if rule.startswith("+")]
OF_LEASES = re.findall(r"^\| leases and claims are used \| `(.*)` besides \|$", PAGE, re.MULTILINE)
FOR_LEASES = OF_LEASES[0].split()
OF_LIMITS = re.findall(r"^\| rate limits are used \| `(.*)` besides \|$", PAGE, re.MULTILINE)
FOR_LIMITS = OF_LIMITS[0].split()
OF_CONVERSATIONS = re.findall(
    r"^\| conversations are kept \| `(.*)` besides \|$", PAGE, re.MULTILINE
)
FOR_CONVERSATIONS = OF_CONVERSATIONS[0].split()
OF_DIALOGS = re.findall(
    r"^\| sessions of session-continuity are kept \| `(.*)` besides \|$", PAGE, re.MULTILINE
)
FOR_DIALOGS = OF_DIALOGS[0].split()
OF_TASKS = re.findall(r"^\| asyncio \| `(.*)` besides: .* \|$", PAGE, re.MULTILINE)
FOR_TASKS = OF_TASKS[0].split()
OF_SEVERAL = re.findall(
    r"^\| one call sends several commands.* \| `(.*)` besides, .* \|$", PAGE, re.MULTILINE
)
FOR_SEVERAL = OF_SEVERAL[0].split()
LUA = sorted((ROOT / "storage" / "redis" / "lua").glob("*.lua"))

LATER = datetime(2100, 1, 1, tzinfo=timezone.utc)
LIFETIMES = [None, 60, LATER, KEEP]

Store = Any


def edited(store: Store) -> None:
    with store.edit("record", default={}) as draft:
        draft["step"] = 1


OPERATIONS: dict[str, Callable[[Store], object]] = {
    "set": lambda s: [s.set("a", 1, ttl=ttl) for ttl in LIFETIMES],
    "set_many": lambda s: [s.set_many({"a": 1, "b": 2}, ttl=ttl) for ttl in LIFETIMES],
    "get": lambda s: s.get("a"),
    "get_many": lambda s: s.get_many(["a", "b"]),
    "has": lambda s: s.has("a"),
    "touch": lambda s: [s.touch("a"), *(s.touch("a", ttl=ttl) for ttl in LIFETIMES)],
    "expires_at": lambda s: s.expires_at("a"),
    "add": lambda s: [s.add("c", 1, ttl=ttl) for ttl in LIFETIMES],
    "incr": lambda s: [s.incr("n", ttl=ttl) for ttl in LIFETIMES],
    "swap": lambda s: [s.swap("a", 1, 3, ttl=ttl) or s.set("a", 1) for ttl in LIFETIMES],
    "update": lambda s: [s.update("u", lambda v: v, default=0), s.update("u", lambda _: DELETE)],
    "edit": edited,
    "get_or_set": lambda s: s.get_or_set("g", int),
    "keys": lambda s: list(s.keys()),
    "values": lambda s: list(s.values()),
    "items": lambda s: list(s.items()),
    "delete": lambda s: s.delete("a"),
    "delete_many": lambda s: s.delete_many(["b", "c"]),
    "namespace": lambda s: s.namespace("ns").set("a", 1),
    "clear": lambda s: s.clear(everything=True),
}
NEEDS_NO_SERVER = {"capabilities", "close", "room", "typed"}


def use_leases(store: Store) -> None:
    room = store.room(LeaseStore)
    for _ in range(2):
        for token in "ab":
            room.acquire("k", token, 1000, 1000)
    room.wait("k", "b", 1)
    room.renew("k", "a", 1000)
    room.release("k", "a")
    room.acquire("k", "b", 1000, 1000)
    room.release("k", "b")
    room.claim("id", "a", 1000)
    room.done("id", "a", 1000)
    use_visits(room, store.room(VisitStore))


def use_visits(room: Any, visits: Any) -> None:
    for release in (True, False):
        for token in "ab":
            visits.enter("v", token, 1000, 1000)
        for expiry in (None, 60_000, At(4_102_444_800_000), Keeping(None)):
            raw = visits.look("v").raw
            for change in (Change(raw, b"1", expiry), Change(None, None, expiry)):
                visits.leave("v", "", 0, change, True)
        visits.leave("v", "a", 1000, Change(b"1", DELETE, None), release)
        room.release("v", "b")


def use_limits(store: Store) -> None:
    room = store.room(RateLimitStore)
    for limit in (Limit(9), Limit(999), Limit(9, algorithm="gcra")):
        meters = [Meter(limit.rule, "k")]
        for _ in range(3):
            room.hit(meters, Ask(limit.hits // 2))
        room.hit_many([meters], Ask())
        room.peek(meters, Ask())
        waits = room.reserve(meters, Ask(), 60_000_000)
        room.refund(meters, 1, waits.at + 1)
        room.reserve(meters, Ask(), 60_000_000)
        room.block(meters, 1)
        room.reset(meters)
    slots = [Meter(Limit(1, algorithm="slots").rule, "k")]
    room.hit(slots, Ask(token="ab" * 16))
    room.renew(slots, "ab" * 16)
    room.release(slots, "ab" * 16)


def use_conversations(store: Store) -> None:
    room = store.room(HistoryStore)
    whole = Terms(Bounds(3), ttl_ms=60_000)
    for several in (1, 1, 1, 1, 3, 5):
        room.append("k", [said(flags=GUARDED)] * (several == 3) + [said()] * several, whole)
    room.append("k", [], Terms(Bounds(1)))
    room.append("k", [said()] * 3, whole)
    found = room.read("k", Query(with_state=True))
    room.read("k", Query(5))
    room.recent("k", Bounds(1))
    known = unpacked(found.state)
    for removed in ((known.guards[0],), (known.seq,)):
        (standing,) = room.look(["k"])
        room.alter("k", standing.state, Alteration(standing.state, removed), whole)
    room.clear(["other"])
    room.restore("other", found.state, found.records, whole)
    list(room.keys("", None).keys)
    room.clear(["k", "other"], [found.state] * 2)
    room.clear(["k"])


def use_dialogs(store: Store) -> None:
    room = store.room(DialogStore)
    whole = Dialogs(60_000, 60_000)
    for number in range(3):
        room.create({"id": f"s{number}", "userId": "u", "status": "active"}, whole)
        for role in ("user", "assistant"):
            room.add(f"s{number}", {"id": f"m{number}{role}", "role": role}, whole)
    room.add("s0", {"id": "m0user"}, whole)
    room.change("s0", Changing({"userId": "v"}, ("ours",)), whole)
    room.change("s1", Changing({"userId": "v"}), Dialogs())
    room.amend("s0", "m0user", {"content": "x"}, ("ours",), Dialogs())
    for asked in (Asked(), Asked(1, 1, newest=True), Asked(roles=("user",), newest=True)):
        room.messages("s0", asked)
        room.messages("big", asked)
    for wanted in (Wanted(), Wanted(user_id="u")):
        room.select(wanted)
    room.discard("s0", "m0user", whole)
    room.discard_all("s0", whole)
    room.discard_all("big", whole)
    room.ids("u")
    room.remove("s1")
    room.expired(0)
    room.ping()


def with_many(admin: redis.Redis) -> None:
    """Have a session there of more messages than are read at once."""
    admin.hset("storage:session:big", "id", "big")
    names = [f"m{number}" for number in range(1001)]
    admin.zadd("storage:session:big:messages", {name: at for at, name in enumerate(names)})
    pipe = admin.pipeline()
    for name in names:
        pipe.hset(f"storage:message:{name}", "role", "user")
    pipe.execute()


@pytest.fixture
def admin(valkey: Server) -> Iterator[redis.Redis]:
    """Who gives the rights, and takes everything away again."""
    with redis.Redis(host=valkey.host, port=valkey.port) as client:
        client.acl_log_reset()
        yield client
        client.acl_deluser("bot")
        client.flushall()


@pytest.fixture
def opened(admin: redis.Redis, valkey: Server) -> Iterator[Callable[..., Store]]:
    """Makes a store of the user whom *rules* make."""
    stores = []
    with Bridge() as bridge:

        def make(rules: list[str], query: str = "", half: Any = storage) -> Store:
            admin.execute_command("ACL", "SETUSER", *rules)
            url = f"redis://bot:secret@{valkey.host}:{valkey.port}{query}"
            stores.append(bridge.driven(half.open(url)))
            return stores[-1]

        yield make
        for store in stores:
            store.close()


def use_all(store: Store) -> None:
    for operation in OPERATIONS.values():
        operation(store)


def refused(admin: redis.Redis) -> set[str]:
    """What the server has refused, less the one thing that the page says nothing comes of."""
    log: Any = admin.acl_log()
    return {entry["object"] for entry in log} - {"client|setinfo"}


def test_the_page_has_the_line_once() -> None:
    assert len(LINE) == 1


def test_no_operation_is_left_out() -> None:
    public = {name for name in dir(storage.Storage) if not name.startswith("_")}

    assert public - NEEDS_NO_SERVER == OPERATIONS.keys()


def test_what_scripts_call_is_in_the_line() -> None:
    """`TIME` is for Redis before version 7, and for what has a row of its own."""
    called = {name for path in LUA for name in re.findall(r"p?call\('(\w+)'", path.read_text())}

    others = FOR_LEASES + FOR_LIMITS + FOR_CONVERSATIONS + FOR_DIALOGS
    assert called <= {rule[1:].upper() for rule in GRANTED + others}
    assert "| Redis 6.2 | `+time` in the place of `+pexpiretime` |" in PAGE


@pytest.mark.parametrize("half", [storage, storage.aio], ids=["blocking", "aio"])
@pytest.mark.parametrize("protocol", [2, 3])
def test_the_rights_are_enough_for_every_operation(
    opened: Callable[..., Store], admin: redis.Redis, half: Any, protocol: int
) -> None:
    admin.script_flush()

    rules = RULES if half is storage else RULES + FOR_TASKS
    use_all(opened(rules, f"/0?protocol={protocol}", half))

    assert refused(admin) == set()


@pytest.mark.parametrize("rule", GRANTED)
def test_none_of_the_rights_is_too_much(
    opened: Callable[..., Store], admin: redis.Redis, rule: str
) -> None:
    admin.script_flush()
    store = opened([one for one in RULES if one != rule])

    with pytest.raises(AccessDeniedError):
        use_all(store)


def test_the_rights_for_leases_are_enough(opened: Callable[..., Store], admin: redis.Redis) -> None:
    admin.script_flush()

    use_leases(opened([*RULES, *FOR_LEASES]))

    assert refused(admin) == set()


@pytest.mark.parametrize("rule", FOR_LEASES)
def test_none_of_the_rights_for_leases_is_too_much(
    opened: Callable[..., Store], admin: redis.Redis, rule: str
) -> None:
    store = opened([*RULES, *(one for one in FOR_LEASES if one != rule)])

    with pytest.raises(AccessDeniedError):
        use_leases(store)


@pytest.mark.parametrize("rules", [[], ["+time"]], ids=["without", "with"])
def test_a_right_is_for_rate_limits_of_other_libraries(
    opened: Callable[..., Store], admin: redis.Redis, rules: list[str]
) -> None:
    assert (
        "| rate limits of VibeGram, puregram or GramIO are kept there | `+time` besides |" in PAGE
    )
    store = opened([*RULES, *rules])
    events = SimpleNamespace(from_user=SimpleNamespace(id=1), chat=SimpleNamespace(id=1))
    often = {"limit": 3, "window": 60}

    def use(limits: Any, **told: Any) -> None:
        for _ in range(2):
            limits.check(events, **told)

    uses: list[Callable[[], None]] = [
        lambda: use(storage.compat.vibegram.rate_limit(store=store)),
        lambda: use(storage.compat.puregram.rate_limit(storage=store), **often),
        lambda: use(storage.compat.gramio.rate_limit(storage=store), **often),
    ]
    for used in uses:
        if rules:
            used()
        else:
            with pytest.raises(AccessDeniedError):
                used()
    assert not (rules and refused(admin))


def test_the_rights_for_rate_limits_are_enough(
    opened: Callable[..., Store], admin: redis.Redis
) -> None:
    admin.script_flush()

    use_limits(opened([*RULES, *FOR_LIMITS]))

    assert refused(admin) == set()


@pytest.mark.parametrize("rule", FOR_LIMITS)
def test_none_of_the_rights_for_rate_limits_is_too_much(
    opened: Callable[..., Store], admin: redis.Redis, rule: str
) -> None:
    store = opened([*RULES, *(one for one in FOR_LIMITS if one != rule)])

    with pytest.raises(AccessDeniedError):
        use_limits(store)


def test_the_rights_for_conversations_are_enough(
    opened: Callable[..., Store], admin: redis.Redis
) -> None:
    admin.script_flush()

    use_conversations(opened([*RULES, *FOR_CONVERSATIONS]))

    assert refused(admin) == set()


@pytest.mark.parametrize("rule", FOR_CONVERSATIONS)
def test_none_of_the_rights_for_conversations_is_too_much(
    opened: Callable[..., Store], admin: redis.Redis, rule: str
) -> None:
    store = opened([*RULES, *(one for one in FOR_CONVERSATIONS if one != rule)])

    with pytest.raises(AccessDeniedError):
        use_conversations(store)


def test_the_rights_for_sessions_of_session_continuity_are_enough(
    opened: Callable[..., Store], admin: redis.Redis
) -> None:
    admin.script_flush()

    with_many(admin)
    use_dialogs(opened([*RULES, *FOR_DIALOGS, *FOR_SEVERAL]))

    assert refused(admin) == set()


@pytest.mark.parametrize("rule", FOR_DIALOGS)
def test_none_of_the_rights_for_sessions_is_too_much(
    opened: Callable[..., Store], admin: redis.Redis, rule: str
) -> None:
    store = opened([*RULES, *(one for one in FOR_DIALOGS if one != rule)])
    with_many(admin)

    with pytest.raises(AccessDeniedError):
        use_dialogs(store)


@pytest.mark.parametrize("name", ["puregram.RedisStorage", "vibegram.RedisSessionStore"])
def test_the_patterns_of_a_verbatim_layout_are_enough(
    opened: Callable[..., Store], admin: redis.Redis, valkey: Server, name: str
) -> None:
    module, kind = name.split(".")
    (row,) = re.findall(rf"^\| the store is `compat.{name}` \| (.*) \|$", PAGE, re.MULTILINE)
    values, lease, claim, limit, history = re.findall(r"`(~[^`]*)`", row)
    rules = [values if rule.startswith("~") else rule for rule in RULES]
    admin.script_flush()
    opened(rules)
    url = f"redis://bot:secret@{valkey.host}:{valkey.port}"

    with getattr(getattr(storage.compat, module), kind)(url, ttl=None) as store:
        use_all(store)
        for patterns in ([], [lease], [claim]):
            admin.execute_command("ACL", "SETUSER", *rules, *FOR_LEASES, *patterns)
            with pytest.raises(AccessDeniedError):
                use_leases(store)
        admin.acl_log_reset()
        admin.execute_command("ACL", "SETUSER", *rules, *FOR_LEASES, lease, claim)
        use_leases(store)
        admin.execute_command("ACL", "SETUSER", *rules, *FOR_LIMITS, limit)
        use_limits(store)
        admin.execute_command("ACL", "SETUSER", *rules, *FOR_CONVERSATIONS, history)
        use_conversations(store)

    assert refused(admin) == set()


def test_the_pattern_of_the_memory_of_codex_is_enough(
    opened: Callable[..., Store], admin: redis.Redis, valkey: Server
) -> None:
    row = r"^\| the store is `compat.vibegram.RedisCodexMemoryStore` \| `(.*)` as the prefix \|$"
    (pattern,) = re.findall(row, PAGE, re.MULTILINE)
    admin.script_flush()
    opened([pattern if rule.startswith("~") else rule for rule in RULES])
    url = f"redis://bot:secret@{valkey.host}:{valkey.port}"

    with storage.compat.vibegram.RedisCodexMemoryStore(url, ttl=60) as memory:
        for _ in range(2):
            memory.append("user:42", {"role": "user", "content": "hi"})
        assert len(memory.list("user:42")) == 2
        assert memory.clear("user:42") is True

    assert refused(admin) == set()


@pytest.mark.parametrize("prefix", ["other:", "storage", ""])
def test_another_prefix_is_refused(
    opened: Callable[..., Store], admin: redis.Redis, prefix: str
) -> None:
    """Reading and writing are; what iteration shows are names, as the page says."""
    admin.mset({f"{prefix}a": 1, f"{prefix}b": 1})
    store = opened(RULES, f"/0?prefix={prefix}")

    for name in OPERATIONS.keys() - {"keys", "clear"}:
        with pytest.raises(AccessDeniedError):
            OPERATIONS[name](store)
    with pytest.raises(AccessDeniedError):
        store.clear(everything=True)
    assert admin.mget(f"{prefix}a", f"{prefix}b") == [b"1", b"1"]


@pytest.mark.parametrize(
    ("query", "rule"), [("/1", "+select"), ("/0?client_name=bot", "+client|setname")]
)
def test_a_right_is_for_what_the_page_says(
    opened: Callable[..., Store], admin: redis.Redis, query: str, rule: str
) -> None:
    assert f"| `{rule}` besides".replace("client|", r"client\|") in PAGE

    with pytest.raises(AccessDeniedError):
        opened(RULES, query).set("a", 1)
    opened([*RULES, rule], query).set("a", 1)


def test_without_scan_all_works_that_lists_nothing(opened: Callable[..., Store]) -> None:
    store = opened([rule for rule in RULES if rule != "+scan"])

    for name, operation in OPERATIONS.items():
        if name in ("keys", "values", "items", "clear"):
            with pytest.raises(AccessDeniedError):
                operation(store)
        else:
            operation(store)
