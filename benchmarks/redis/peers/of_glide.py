"""valkey-glide: a core in Rust with threads of its own, and a client of either colour."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from ...crowds import Tasks
from ..clients import Client
from ..settings import SECONDS, Settings


def blocking(chosen: Settings) -> Client:
    """The client of `valkey-glide-sync`."""
    glide: Any = import_module("glide_sync")
    client = glide.GlideClient.create(_settings(glide, chosen))
    texts = "client.get(key)", "client.set(key, raw)"
    return Client("valkey-glide-sync", client.get, client.set, texts, close=client.close)


def for_tasks(chosen: Settings, crowd: Tasks) -> Client:
    """The client of `valkey-glide`."""
    glide: Any = import_module("glide")
    client = crowd.wait_for(glide.GlideClient.create(_settings(glide, chosen)))
    texts = "await client.get(key)", "await client.set(key, raw)"
    return Client("valkey-glide", client.get, client.set, texts, close=client.close)


def _settings(glide: Any, chosen: Settings) -> Any:
    """A call may take as long as with all others; by itself it is a quarter of a second."""
    place = urlsplit(chosen.url)
    address = glide.NodeAddress(place.hostname, place.port)
    return glide.GlideClientConfiguration([address], request_timeout=int(SECONDS * 1000))
