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
from .opening import open
from .protocols import Backend, KVStorage, TtlStorage, is_ttl_storage
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
    "LruMemoryStorage",
    "MemoryStorage",
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
    "is_ttl_storage",
    "lift",
    "open",
]
