"""An agent of the framework without a network, and places for what it remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import agents
from agents.items import ModelResponse
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from storage import aio
from storage.contrib.openai_agents import Session
from tests.servers import Server

agents.set_tracing_disabled(True)


def said(text: str) -> ResponseOutputMessage:
    """What a model says."""
    part = ResponseOutputText(text=text, type="output_text", annotations=[], logprobs=[])
    return ResponseOutputMessage(
        id="msg_1", type="message", role="assistant", status="completed", content=[part]
    )


def called(name: str, arguments: str, call_id: str) -> ResponseFunctionToolCall:
    """How a model calls a tool."""
    return ResponseFunctionToolCall(
        id=f"fc_{call_id}", type="function_call", call_id=call_id, name=name, arguments=arguments
    )


class Script(Model):
    """A model that answers what was written down before, and remembers what it was given."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = [*answers]
        self.given: list[list[Any]] = []

    def _answer(self, given: Any) -> list[Any]:
        self.given.append(given if isinstance(given, list) else [{"content": given}])
        return self.answers.pop(0)

    async def get_response(
        self, system_instructions: Any, input: Any, *args: Any, **rest: Any
    ) -> ModelResponse:
        return ModelResponse(output=self._answer(input), usage=Usage(), response_id=None)

    async def stream_response(
        self, system_instructions: Any, input: Any, *args: Any, **rest: Any
    ) -> AsyncIterator[Any]:
        response = Response(
            id="resp_1",
            created_at=1,
            model="script",
            object="response",
            output=self._answer(input),
            tool_choice="none",
            tools=[],
            parallel_tool_calls=False,
        )
        yield ResponseCompletedEvent(
            type="response.completed", response=response, sequence_number=0
        )


class Place:
    """Where sessions are kept: `memory`, `sqlite` or `valkey`."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Any]:
        """A store there, which is closed at the end; in memory, a new one."""
        async with aio.open(self.url) as store:
            yield store

    @asynccontextmanager
    async def session(self, session_id: str = "ann", **options: Any) -> AsyncIterator[Session]:
        async with self.store() as store:
            yield Session(session_id, store, **options)


def placed(kind: str, folder: Any, server: Server | None) -> Place:
    if kind == "memory":
        return Place(kind, "memory://")
    if kind == "sqlite":
        return Place(kind, f"sqlite:///{folder}/agents.db")
    assert server is not None
    return Place(kind, server.url)


def texts(items: list[Any]) -> list[Any]:
    """What items say, in short."""
    return [item.get("content", item.get("type")) for item in items]


def messages(*contents: str) -> list[Any]:
    return [{"role": "user", "content": content} for content in contents]
