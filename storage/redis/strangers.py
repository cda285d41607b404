"""What is known of a client whose settings can not be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import ConfigurationError, UnsupportedError
from .commands import ONCE, Command
from .replies import Phase, Trouble, word
from .settings import Maker, Settings


def execute_of(client: Any) -> Callable[..., Any]:
    """How *client* runs a command."""
    execute: Any = getattr(client, "execute_command", None)
    kind = type(client).__name__
    if "Pipeline" in kind or kind in ("PubSub", "Monitor"):
        raise ConfigurationError(f"a {kind} does not answer at once: pass the client it came from")
    if not callable(execute):
        raise ConfigurationError(f"a Redis store wants a URL or a client, and {kind} is neither")
    run: Callable[..., Any] = execute
    return run


def unread(client: Any) -> Settings:
    """The settings of a deployment that only *client* knows."""
    label = f"redis:{type(client).__name__}"
    return Settings(Maker(_no_connection, {}), (("client", 0),), 1, label)


class MayRetry:
    """Whether a client may run a command twice, and whether the caller *accept*s that."""

    def __init__(self, client: Any, accept: bool) -> None:
        self._is_refused = not accept and _tries_again(client)

    def check(self, command: Command) -> None:
        """Refuse *command* if it is one that does something else when it is done twice."""
        if self._is_refused and command.effect is ONCE:
            raise UnsupportedError(
                "this client tries again by itself, which may do this operation twice: "
                "make it without retries, or pass accept_retries=True"
            )


def answer(error: Exception) -> Trouble:
    """What *error*, which the client raised, is here."""
    names = {kind.__name__ for kind in type(error).__mro__}
    answered = "ResponseError" in names or bool(word(error))
    return Trouble(Phase.ANSWERED if answered else Phase.SENT, error)


def bytes_in(reply: Any) -> Any:
    """*reply* as it came from the server, where the client has made texts and tuples of it."""
    if isinstance(reply, str):
        return reply.encode()
    if isinstance(reply, (list, tuple)):
        return [bytes_in(one) for one in reply]
    return reply


def _tries_again(client: Any) -> bool:
    asked = getattr(client, "get_retry", None)
    if not callable(asked):
        return True
    retry: Any = asked()
    if retry is None:
        return _tries_again_on_errors(client)
    return bool(getattr(retry, "_retries", True))


def _tries_again_on_errors(client: Any) -> bool:
    """Whether it does so without being told how often, which is once."""
    told: Any = getattr(client, "get_connection_kwargs", dict)()
    return bool(told.get("retry_on_timeout") or told.get("retry_on_error"))


def _no_connection(**where: object) -> NoReturn:
    raise ConfigurationError("connections are the client's own here")
