"""Session continuity: sessions with participants, ordered messages and budgets of tokens, in the
keys of the JavaScript package of that name."""

from ..core.dialog.budget import TokenBudget
from ..core.dialog.errors import (
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
from ..core.dialog.names import EVENTS
from ..core.dialog.records import (
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
from ..core.dialog.tokens import EstimateTokenizer, TokenCounter, TokenizerRegistry
from .adapters import MemoryAdapter, RedisAdapter, SqliteAdapter
from .events import SessionEventEmitter
from .manager import SessionManager
from .protocols import ContinuityAdapter
from .tokenizers import TiktokenTokenizer, tokenizers

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
