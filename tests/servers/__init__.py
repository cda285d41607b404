"""Real servers for the tests: found, started on a free port of this machine, and stopped."""

from .binaries import (
    KNOWN,
    ServerFailedError,
    ServerMissingError,
    find_faketime,
    find_redis6,
    find_redis8,
    find_valkey,
    missing,
    required,
)
from .cluster import Cluster, SlotMove, cluster_of, slot_of
from .counting import Call, Calls
from .resp import HANDSHAKE, ReplyError, Wire
from .sentinel import Sentinel, sentinel_of
from .server import Server, plain, running
from .users import User, protected, user

__all__ = [
    "HANDSHAKE",
    "KNOWN",
    "Call",
    "Calls",
    "Cluster",
    "ReplyError",
    "Sentinel",
    "Server",
    "ServerFailedError",
    "ServerMissingError",
    "SlotMove",
    "User",
    "Wire",
    "cluster_of",
    "find_faketime",
    "find_redis6",
    "find_redis8",
    "find_valkey",
    "missing",
    "plain",
    "protected",
    "required",
    "running",
    "sentinel_of",
    "slot_of",
    "user",
]
