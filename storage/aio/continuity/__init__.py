"""The asyncio half of `storage.continuity`: the same names over the same data."""

from ...continuity.tokenizers import TiktokenTokenizer, tokenizers
from ...core.dialog.budget import TokenBudget
from ...core.dialog.errors import (
    CompressionError,
    ConcurrencyError,
    HandoffError,
    MessageNotFoundError,
    SessionClosedError,
    SessionError,
    SessionExistsError,
    SessionNotFoundError,
    StorageError,
    TokenBudgetExceededError,
    ValidationError,
)
from ...core.dialog.names import EVENTS
from ...core.dialog.records import (
    CompressionConfig,
    CompressionResult,
    CompressionState,
    Context,
    Event,
    Handoff,
    HealthStatus,
    HybridConfig,
    Message,
    MessageQueryOptions,
    Participant,
    Session,
    SessionFilters,
    SessionPage,
    SlidingWindowConfig,
    SummarizationConfig,
    TokenBudgetConfig,
    TokenBudgetStatus,
    ToolCall,
    ToolResult,
)
from ...core.dialog.tokens import EstimateTokenizer, TokenCounter, TokenizerRegistry
from .adapters import MemoryAdapter, RedisAdapter, SqliteAdapter
from .events import SessionEventEmitter
from .manager import SessionManager
from .protocols import ContinuityAdapter
from ...continuity.tokenizers import TiktokenTokenizer, tokenizers

__all__ = [
    "EVENTS",
    "CompressionConfig",
    "CompressionError",
    "CompressionResult",
    "CompressionState",
    "ConcurrencyError",
    "Context",
    "ContinuityAdapter",
    "EstimateTokenizer",
    "Event",
    "Handoff",
    "HandoffError",
    "HealthStatus",
    "HybridConfig",
    "MemoryAdapter",
    "Message",
    "MessageNotFoundError",
    "MessageQueryOptions",
    "Participant",
    "RedisAdapter",
    "Session",
    "SessionClosedError",
    "SessionError",
    "SessionEventEmitter",
    "SessionExistsError",
    "SessionFilters",
    "SessionManager",
    "SessionNotFoundError",
    "SessionPage",
    "SlidingWindowConfig",
    "SqliteAdapter",
    "StorageError",
    "SummarizationConfig",
    "TiktokenTokenizer",
    "TokenBudget",
    "TokenBudgetConfig",
    "TokenBudgetExceededError",
    "TokenBudgetStatus",
    "TokenCounter",
    "TokenizerRegistry",
    "ToolCall",
    "ToolResult",
    "ValidationError",
    "tokenizers",
]
