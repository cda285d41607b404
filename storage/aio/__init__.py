"""The asyncio half: the same names over the same data, with `await`."""

from .adapted import adapt
from ..codecs import Codec, FastJsonCodec, JsonCodec
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
from .layered import enhance_storage
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
    "Entries",
    "Entry",
    "FastJsonCodec",
    "InvalidKeyError",
    "JsonCodec",
    "KVStorage",
    "Key",
    "Lease",
    "LeaseLostError",
    "LeaseStore",
    "LeaseTimeoutError",
    "Leases",
    "LruMemoryStorage",
    "MemoryStorage",
    "MigrationError",
    "MismatchError",
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
    "enhance_storage",
    "is_ttl_storage",
    "lift",
    "open",
]
