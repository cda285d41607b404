# Written by tools/mirror.py from storage/redis/limits.py: change that file and run the tool.
"""Rate limits on a server: each step is one script, and goes by the clock of the server.

On a cluster meters may lie in several slots. Then those of each slot are asked by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Final, NamedTuple

from ...core.algorithms import Aligned, Counter, Gcra, Log, Rule, Slots, Window
from ...core.meters import start_of, start_of_places
from ...core.window import joined, taken_back
from ...errors import (
    CorruptValueError,
    OutcomeUnknownError,
    StorageError,
    UnsupportedError,
    WrongTypeError,
)
from ...keys import Names
from ...records import Ask, Decision, Meter
from ...redis.commands import AGAIN, ONCE, READ, Command, Effect, Script
from .door import Door
from ...redis.hits import HIT, PART, PEEK, TELL, AnyHit, HitScript, UsualHit, decided, decided_all
from ...redis.places import beside_name
from ...redis.replies import flag

_FILES: Final = {
    Window: ("window",),
    Aligned: ("window", "aligned"),
    Counter: ("counter",),
    Log: ("log",),
    Gcra: ("gcra",),
    Slots: ("slots",),
}
"""How each algorithm counts in Lua."""

_RULE: Final = Struct("<4d")

_new: Final = tuple.__new__

_MOST_KNOWN: Final = 1024

_NO_ANSWER: Final = "what answers there is not what a limit asks"

Kinds = tuple[type[Rule], ...]

Part = list[int]
"""Meters of one slot, each by its place among all that are asked."""


class Known(NamedTuple):
    """What is the same for all meters of a rule."""

    kind: type[Rule]
    start: str
    """What their names begin with."""

    told: bytes
    """What scripts are told of the rule."""

    hit: HitScript
    """What asks whether something may pass by one of them."""


class RedisLimits:
    """The meters behind a *door* whose keys are called by *names*."""

    def __init__(self, door: Door, names: Names) -> None:
        self._door = door
        self._places = door.places
        self._label: str = door.label
        self._names = names
        self._known: dict[str, Known] = {}
        self._several: dict[tuple[str, ...], HitScript] = {}

    async def hit(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        if self._places.clustered and len(parts := self._parts(meters)) > 1:
            return await self._hit_slots(meters, parts, ask)
        command: Command
        if ask.token:
            command = self._asking(meters, ask, TELL if ask.tell else HIT)
        else:
            command = self._hitting(meters, ask)
        reply = await self._door.call(command, meters[0].key, ask.within)
        if type(reply) is not bytes or len(reply) != PART * (1 + len(meters)):
            self._refuse(meters, reply)
        return decided(reply) if len(meters) == 1 else decided_all(reply)

    async def hit_many(self, groups: Sequence[Sequence[Meter]], ask: Ask) -> Sequence[Decision]:
        whole = [meters for meters in groups if len(self._parts(meters)) == 1]
        what = TELL if ask.tell else HIT
        # With one script for all, what a server does not know yet of them does not come later.
        kinds = tuple({type(meter.rule): None for meters in whole for meter in meters})
        commands = [self._asking(meters, ask, what, kinds) for meters in whole]
        replies = await self._door.batch(commands, ask.within)
        answers = iter(zip(whole, replies))
        decisions = []
        for meters in groups:
            parts = self._parts(meters)
            if len(parts) > 1:
                decision = await self._hit_slots(meters, parts, ask)
            else:
                decision = self._decision(*next(answers))
            decisions.append(decision)
        return decisions

    async def peek(self, meters: Sequence[Meter], ask: Ask) -> Decision:
        parts = self._parts(meters)
        decisions = await self._peek(meters, parts, ask)
        return joined(list(zip(parts, decisions)))

    async def reserve(self, meters: Sequence[Meter], ask: Ask, patience: int) -> Decision:
        key = meters[0].key
        if len(self._parts(meters)) > 1:
            message = "nobody can wait for limits whose keys lie in several slots of a cluster"
            raise UnsupportedError(message, store=self._label, key=key)
        words = (b"%d" % ask.cost, b"%d" % patience)
        command = self._run("reserve", ONCE, meters, words, self._called_places(meters))
        reply = await self._door.call(command, key, ask.within)
        return self._decision(meters, reply)

    async def refund(self, meters: Sequence[Meter], cost: int, when: int) -> None:
        parts = self._parts(meters)
        chosen = [_of(meters, part) for part in parts]
        is_whole = len(parts) == 1
        commands = [self._refunding(some, cost, when, is_whole) for some in chosen]
        await self._do(chosen, commands)

    async def block(self, meters: Sequence[Meter], span: int) -> None:
        chosen = [_of(meters, part) for part in self._parts(meters)]
        commands = [self._run("block", AGAIN, some, (b"%d" % span,)) for some in chosen]
        await self._do(chosen, commands)

    async def reset(self, meters: Sequence[Meter]) -> None:
        keys = (*self._called(meters), self._called_places(meters))
        commands = []
        for part in self._places.groups(keys):
            some = [keys[number] for number in part]
            commands.append(Command(AGAIN, some[0], (b"UNLINK", *some)))
        await self._door.batch(commands)

    async def renew(self, meters: Sequence[Meter], token: str) -> bool:
        chosen = [_of(meters, part) for part in self._parts(meters)]
        had = await self._do(chosen, [self._holding(some, token, AGAIN, 1) for some in chosen])
        return all(had)

    async def release(self, meters: Sequence[Meter], token: str) -> bool:
        chosen = [_of(meters, part) for part in self._parts(meters)]
        had = await self._do(chosen, [self._holding(some, token, ONCE, 0) for some in chosen])
        return all(had)

    async def _hit_slots(self, meters: Sequence[Meter], parts: Sequence[Part], ask: Ask) -> Decision:
        """Ask slot by slot, and give back what has passed where a later one refuses."""
        passed: list[tuple[Part, Decision]] = []
        for part in parts:
            try:
                decision = await self.hit(_of(meters, part), ask)
            except OutcomeUnknownError:
                raise  # that counts as spent, and so does what has passed
            except StorageError:
                await self._take_back(meters, passed, ask)
                raise
            if not decision.passed:
                await self._take_back(meters, passed, ask)
                rest = parts[len(passed) + 1 :]
                looks = await self._peek(meters, rest, ask)
                before = [(some, taken_back(one, ask.cost)) for some, one in passed]
                return joined([*before, (part, decision), *zip(rest, looks)])
            passed.append((part, decision))
        return joined(passed)

    async def _take_back(
        self, meters: Sequence[Meter], passed: Sequence[tuple[Part, Decision]], ask: Ask
    ) -> None:
        """Give back what has *passed*; a slot is given back by its token."""
        chosen, commands = [], []
        for part, decision in passed:
            some = _of(meters, part)
            slots = [meter for meter in some if isinstance(meter.rule, Slots)]
            others = [meter for meter in some if not isinstance(meter.rule, Slots)]
            if slots:
                chosen.append(slots)
                commands.append(self._holding(slots, ask.token, ONCE, 0))
            if others:
                chosen.append(others)
                commands.append(self._refunding(others, ask.cost, decision.at, False))
        try:
            await self._do(chosen, commands, ask.within)
        except StorageError as error:
            message = "it did not pass, and some of its limits may count it all the same"
            key = meters[0].key
            raise OutcomeUnknownError(message, store=self._label, key=key) from error

    async def _peek(self, meters: Sequence[Meter], parts: Sequence[Part], ask: Ask) -> list[Decision]:
        chosen = [_of(meters, part) for part in parts]
        commands = [self._asking(some, ask, PEEK) for some in chosen]
        replies = await self._replies(chosen, commands, ask.within)
        return [self._decision(some, reply) for some, reply in zip(chosen, replies)]

    async def _do(
        self,
        chosen: Sequence[Sequence[Meter]],
        commands: Sequence[Command],
        within: float | None = None,
    ) -> list[bool]:
        """Tell the servers *commands* about *chosen* meters, each of which is about some."""
        replies = await self._replies(chosen, commands, within)
        for some, reply in zip(chosen, replies):
            self._check(some, reply)
        return [flag(reply[0]) for reply in replies]

    async def _replies(
        self,
        chosen: Sequence[Sequence[Meter]],
        commands: Sequence[Command],
        within: float | None,
    ) -> list[Any]:
        if len(commands) != 1:
            replies: list[Any] = await self._door.batch(commands, within)
            return replies
        reply = await self._door.call(commands[0], chosen[0][0].key, within)
        return [reply]

    def _hitting(self, meters: Sequence[Meter], ask: Ask) -> Command:
        """A hit without a token."""
        what, (rule, key) = TELL if ask.tell else HIT, meters[0]
        name = self._names.name(key)
        if len(meters) == 1:
            said = (self._known.get(rule.stored) or self._learn(rule)).hit
            is_usual = said.is_plain and ask.cost == 1
        else:
            stored = tuple([rule.stored for rule, _ in meters])
            said = self._several.get(stored) or self._gather(stored, meters)
            is_usual = said.is_plain and ask.cost == 1
            for _, other in meters:
                is_usual = is_usual and other == key
        command: Command
        if is_usual and name and "{" not in name and "}" not in name:
            # What lies in the same slot as the names does the name of the key in their braces.
            command = _new(UsualHit, (ONCE, name.encode(), what, said, None))
            return command
        name_of = self._names.name
        keys = [beside_name(start, name_of(key)) for start, (_, key) in zip(said.starts, meters)]
        cost = b"1" if ask.cost == 1 else b"%d" % ask.cost
        words = (b"EVALSHA", said.sha, said.count, *keys, said.told, what, cost)
        command = _new(AnyHit, (ONCE, keys[0], words, said, None))
        return command

    def _asking(
        self, meters: Sequence[Meter], ask: Ask, what: bytes, kinds: Kinds | None = None
    ) -> Command:
        effect = READ if what == PEEK else ONCE
        cost = b"%d" % ask.cost
        if ask.token:
            words = what, cost, bytes.fromhex(ask.token)
            return self._run("hit", effect, meters, words, kinds=kinds)
        return self._run("hit", effect, meters, (what, cost), kinds=kinds)

    def _refunding(self, meters: Sequence[Meter], cost: int, when: int, is_whole: bool) -> Command:
        """What gives back a hit; nobody waits where not all of its meters are here."""
        words = (b"%d" % cost, b"%d" % when)
        places = self._called_places(meters) if is_whole else None
        return self._run("refund", ONCE, meters, words, places)

    def _holding(
        self, meters: Sequence[Meter], token: str, effect: Effect, is_kept: int
    ) -> Command:
        return self._run("held", effect, meters, (b"%d" % is_kept, bytes.fromhex(token)))

    def _parts(self, meters: Sequence[Meter]) -> list[Part]:
        """The meters by slots; without a cluster all of them are one part."""
        if not self._places.clustered:
            return [list(range(len(meters)))]
        return self._places.groups(self._called(meters))

    def _called(self, meters: Sequence[Meter]) -> tuple[bytes, ...]:
        """What meters are called: those of one key lie in one slot, with the value under it."""
        called, name = [], self._names.name
        for rule, key in meters:
            known = self._known.get(rule.stored) or self._learn(rule)
            called.append(beside_name(known.start, name(key)))
        return tuple(called)

    def _called_places(self, meters: Sequence[Meter]) -> bytes:
        return beside_name(start_of_places(self._names, meters), self._names.name(meters[0].key))

    def _learn(self, rule: Rule) -> Known:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        start = start_of(self._names, Meter(rule, ""))
        kind, told = type(rule), _RULE.pack(rule.code, *rule.numbers)
        known = Known(kind, start, told, HitScript(_script("hit", (kind,)), (start,), told))
        self._known[rule.stored] = known
        return known

    def _gather(self, stored: tuple[str, ...], meters: Sequence[Meter]) -> HitScript:
        if len(self._several) >= _MOST_KNOWN:
            self._several.clear()
        known = [self._known.get(rule.stored) or self._learn(rule) for rule, _ in meters]
        said = HitScript(
            _script("hit", tuple([one.kind for one in known])),
            [one.start for one in known],
            b"".join([one.told for one in known]),
        )
        self._several[stored] = said
        return said

    def _run(
        self,
        step: str,
        effect: Effect,
        meters: Sequence[Meter],
        words: tuple[bytes, ...],
        places: bytes | None = None,
        kinds: Kinds | None = None,
    ) -> Command:
        """The command of a *step* with *meters*, and maybe the *places* that were given back.

        Its script knows the *kinds* of rules, or else those of the meters.
        """
        keys, told, each, name = [], b"", [], self._names.name
        for rule, key in meters:
            kind, start, numbers, _ = self._known.get(rule.stored) or self._learn(rule)
            keys.append(beside_name(start, name(key)))
            told += numbers
            each.append(kind)
        if places is not None:
            keys.append(places)
        script = _script(step, tuple(each) if kinds is None else kinds)
        head = (b"EVALSHA", script.sha, b"%d" % len(keys))
        return Command(effect, keys[0], (*head, *keys, told, *words), script)

    def _decision(self, meters: Sequence[Meter], reply: Any) -> Decision:
        """What a script says of *meters*: whether something may pass, and how they stand."""
        if type(reply) is not bytes or len(reply) != PART * (1 + len(meters)):
            self._refuse(meters, reply)
        return decided(reply) if len(meters) == 1 else decided_all(reply)

    def _refuse(self, meters: Sequence[Meter], reply: Any) -> None:
        """Raise what a script says that decided nothing."""
        self._check(meters, reply)
        raise StorageError(_NO_ANSWER, store=self._label, key=meters[0].key)

    def _check(self, meters: Sequence[Meter], reply: Any) -> None:
        """Raise what a script says of meters that it could not read."""
        if not isinstance(reply, list) or not reply or any(type(one) is not int for one in reply):
            raise StorageError(_NO_ANSWER, store=self._label, key=meters[0].key)
        word = reply[0]
        if word >= 0:
            return
        if len(reply) < 2 or not 0 <= reply[1] <= len(meters) + 1:
            raise StorageError(_NO_ANSWER, store=self._label, key=meters[0].key)
        key = (*meters, meters[0])[reply[1] - 1].key
        if word == -2:
            message = "what is stored for this limit is of another kind, until a reset"
            raise WrongTypeError(message, store=self._label, key=key)
        message = "what is stored for this limit is none of its records, until a reset"
        raise CorruptValueError(message, store=self._label, key=key)


def _of(meters: Sequence[Meter], part: Part) -> list[Meter]:
    return [meters[number] for number in part]


@lru_cache(maxsize=512)
def _script(step: str, kinds: Kinds) -> Script:
    """A *step*, with how these *kinds* of rules count."""
    if len(kinds) > 1 and kinds != (each := tuple(one for one in _FILES if one in kinds)):
        return _script(step, each)
    files = dict.fromkeys(name for kind in kinds for name in _FILES[kind])
    before: tuple[str, ...] = ()
    if step == "hit" and Slots not in kinds:
        before = ("usual", *(f"usual_{name}" for name in files), "usual_hit")
    more = ("places",) if step in ("reserve", "refund") else ()
    return Script(step, *before, "limit", *files, "meters", *more)
