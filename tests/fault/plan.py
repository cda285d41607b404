"""Which fault meets which command."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from tests.fault.faults import Fault, Forgotten, Several, Way
from tests.servers.resp import GREETING, HANDSHAKE

Kind = Fault | Several | Forgotten
"""What meets a command and its reply, several replies, or a connection."""


@dataclass(eq=False)
class Planned:
    """A fault that waits for its command."""

    fault: Kind
    names: frozenset[str]
    handshake: bool = False
    after: int = 0

    def is_for(self, name: str) -> bool:
        """Whether it meets a command; those that it lets pass before are counted off."""
        several = isinstance(self.fault, Several)
        everything = self.handshake or several or name not in HANDSHAKE
        meets = name in self.names if self.names else everything
        self.after -= meets
        return meets and self.after < 0


class Plan:
    """What is to go wrong: once, in the order in which it was planned, or else always."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._once: list[Planned] = []
        self._always: list[Planned] = []

    def next(self, fault: Kind, *names: str, after: int = 0) -> None:
        """Let *fault* meet one command, one connection, or several replies that come together.

        Without *names* it is the next command that is no part of a handshake; with them, the
        next one of such a name. *after* many of these pass before. Several replies have the name
        of what the last one is to.
        """
        with self._lock:
            self._once.append(Planned(fault, frozenset(names), after=after))

    def always(self, fault: Kind, *names: str, handshake: bool = False) -> None:
        """Let *fault* meet all commands, those of a handshake too where that is said."""
        with self._lock:
            self._always.append(Planned(fault, frozenset(names), handshake=handshake))

    def clear(self) -> None:
        with self._lock:
            self._once.clear()
            self._always.clear()

    def for_link(self, way: Way) -> Plan:
        """What is to go wrong on one connection."""
        return self

    def for_command(self, name: str) -> Fault:
        found = self._found(Fault, name)
        return found if isinstance(found, Fault) else Fault()

    def for_replies(self, names: list[str]) -> Several | None:
        """What meets replies that came together, to commands of these *names*."""
        if not are_several(names):
            return None
        found = self._found(Several, names[-1])
        return found if isinstance(found, Several) else None

    def for_connection(self) -> Forgotten | None:
        found = self._found(Forgotten, "")
        return found if isinstance(found, Forgotten) else None

    def _found(self, kind: type[Kind], name: str) -> Kind | None:
        with self._lock:
            for planned in [*self._once, *self._always]:
                if isinstance(planned.fault, kind) and planned.is_for(name):
                    if planned in self._once:
                        self._once.remove(planned)
                    return planned.fault
        return None


def are_several(names: list[str]) -> bool:
    """Whether replies to commands of these *names* are several, and none is of a greeting."""
    return len(names) > 1 and "" not in names and GREETING.isdisjoint(names)
