"""An agent of the framework without a network, and places for what it remembers."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import agents
import redis
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

SPOIL = "UPDATE storage_messages SET record = substr(record, 1, length(record) - 1) WHERE seq = ?"


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
    """Where sessions are kept."""

    def __init__(self, url: str) -> None:
        self.url = url

    def spoil(self, *numbers: int) -> None:
        """Cut off the end of the JSON of items, by their numbers in the one session."""
        raise NotImplementedError

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Any]:
        """A store there, which is closed at the end; in memory, a new one."""
        async with aio.open(self.url) as store:
            yield store

    @asynccontextmanager
    async def session(self, session_id: str = "ann", **options: Any) -> AsyncIterator[Session]:
        async with self.store() as store:
            yield Session(session_id, store, **options)


class InAFile(Place):
    path: Path

    def spoil(self, *numbers: int) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(SPOIL, [(number,) for number in numbers])


class OnAServer(Place):
    def spoil(self, *numbers: int) -> None:
        with redis.Redis.from_url(self.url) as client:
            (name,) = client.keys("*~history~*")
            for number in numbers:
                raw: Any = client.lindex(name, number)
                client.lset(name, number, raw[:-1])


def placed(kind: str, folder: Path, server: Server | None) -> Place:
    if kind == "memory":
        return Place("memory://")
    if kind == "sqlite":
        place = InAFile(f"sqlite:///{folder}/agents.db")
        place.path = folder / "agents.db"
        return place
    assert server is not None
    return OnAServer(server.url)


def texts(items: list[Any]) -> list[Any]:
    """What items say, in short."""
    return [item.get("content", item.get("type")) for item in items]


def messages(*contents: str) -> list[Any]:
    return [{"role": "user", "content": content} for content in contents]
