"""The asyncio half: the same names over the same data, with `await`."""

from .adapted import adapt
from ..codecs import Codec, FastJsonCodec, JsonCodec
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
    OutcomeUnknownError,
    ReadOnlyError,
    ReentryError,
    StorageError,
    StorageFullError,
    UnavailableError,
    UnstorableError,
    UnsupportedError,
    WrongTypeError,
)
from .layered import compressed, encrypted, enhance_storage, fallback
from .leases import Claim, Lease, Leases
from .opening import open
from .protocols import Backend, KVStorage, LeaseStore, TtlStorage, is_ttl_storage
from ..records import DELETE, MISSING, Capabilities
from .rooms import lift
from .store import Storage
from .stores import LruMemoryStorage, MemoryStorage, RedisStorage, SqliteStorage
from ..ttl import DEFAULT, KEEP, Ttl

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
    "Codec",
    "ConfigurationError",
    "ConflictError",
    "CorruptStoreError",
    "CorruptValueError",
    "FastJsonCodec",
    "InvalidKeyError",
    "JsonCodec",
    "KVStorage",
    "Lease",
    "LeaseLostError",
    "LeaseStore",
    "LeaseTimeoutError",
    "Leases",
    "LruMemoryStorage",
    "MemoryStorage",
    "MigrationError",
    "OutcomeUnknownError",
    "ReadOnlyError",
    "RedisStorage",
    "ReentryError",
    "SqliteStorage",
    "Storage",
    "StorageError",
    "StorageFullError",
    "Ttl",
    "TtlStorage",
    "UnavailableError",
    "UnstorableError",
    "UnsupportedError",
    "WrongTypeError",
    "adapt",
    "compressed",
    "encrypted",
    "enhance_storage",
    "fallback",
    "is_ttl_storage",
    "lift",
    "open",
]
