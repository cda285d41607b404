"""The asyncio half: the same names over the same data, with `await`."""

from .adapted import adapt
from ..codecs import Codec, FastJsonCodec, JsonCodec
from ..core.limits import Limit
from ..core.listing import Messages, Remembered, Usage
from ..core.reports import Failure, Report
from ..core.session import SessionInfo
from ..core.subjects import SessionKey, keyed_by
from ..core.verdicts import Verdict
from .entries import Entries, Entry
from ..errors import (
    AccessDeniedError,
    ClosedError,
    ConfigurationError,
    ConflictError,
    CorruptStoreError,
    CorruptValueError,
    InvalidKeyError,
    LeaseLostError,
    LeaseTimeoutError,
    MigrationError,
    MismatchError,
    OutcomeUnknownError,
    RateLimitedError,
    ReadOnlyError,
    ReentryError,
    StorageError,
    StorageFullError,
    UnavailableError,
    UnstorableError,
    UnsupportedError,
    WrongTypeError,
)
from ..family import Key
from .layered import compressed, encrypted, enhance_storage, fallback
from .holding import Lease
from .leases import Claim, Leases
from .conversation import Conversation
from .limiter import RateLimiter
from .media import MediaCache
from .moving import copy, dump, load
from ..offers import NearCache
from .opened import LazySession, Opened, Session
from .opening import open
from .protocols import (
    Backend,
    HistoryStore,
    KVStorage,
    LeaseStore,
    RateLimitStore,
    TtlStorage,
    is_ttl_storage,
)
from ..records import DELETE, MISSING, Capabilities
from .rooms import lift
from .sessions import Sessions
from .store import Storage
from .stores import (
    CloudflareStorage,
    LruMemoryStorage,
    MemoryStorage,
    RedisStorage,
    SqliteStorage,
)
from .tiered import tiered
from ..ttl import DEFAULT, KEEP, Ttl
from .upgrading import migrate

__all__ = [
    "DEFAULT",
    "DELETE",
    "KEEP",
    "MISSING",
    "AccessDeniedError",
    "Backend",
    "Capabilities",
    "Claim",
    "ClosedError",
    "CloudflareStorage",
    "Codec",
    "ConfigurationError",
    "ConflictError",
    "Conversation",
    "CorruptStoreError",
    "CorruptValueError",
    "Entries",
    "Entry",
    "Failure",
    "FastJsonCodec",
    "HistoryStore",
    "InvalidKeyError",
    "JsonCodec",
    "KVStorage",
    "Key",
    "LazySession",
    "Lease",
    "LeaseLostError",
    "LeaseStore",
    "LeaseTimeoutError",
    "Leases",
    "Limit",
    "LruMemoryStorage",
    "MediaCache",
    "MemoryStorage",
    "Messages",
    "MigrationError",
    "MismatchError",
    "NearCache",
    "Opened",
    "OutcomeUnknownError",
    "RateLimitStore",
    "RateLimitedError",
    "RateLimiter",
    "ReadOnlyError",
    "RedisStorage",
    "ReentryError",
    "Remembered",
    "Report",
    "Session",
    "SessionInfo",
    "SessionKey",
    "Sessions",
    "SqliteStorage",
    "Storage",
    "StorageError",
    "StorageFullError",
    "Ttl",
    "TtlStorage",
    "UnavailableError",
    "UnstorableError",
    "UnsupportedError",
    "Usage",
    "Verdict",
    "WrongTypeError",
    "adapt",
    "compressed",
    "copy",
    "dump",
    "encrypted",
    "enhance_storage",
    "fallback",
    "is_ttl_storage",
    "keyed_by",
    "lift",
    "load",
    "migrate",
    "open",
    "tiered",
]
