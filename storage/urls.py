"""A store's address: scheme, place and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from .errors import ConfigurationError, StorageError

T = TypeVar("T")


class Address:
    """The parts of a URL. No error shows more of it than the scheme and the options' names: the
    rest may hold a password."""

    def __init__(self, url: str) -> None:
        if not isinstance(url, str) or "://" not in url:
            raise ConfigurationError("a store's URL looks like scheme://place?option=value")
        from urllib.parse import parse_qsl, unquote, urlsplit  # dear, and needed once

        parts = None
        with suppress(ValueError):  # whose message shows the whole of it
            parts = urlsplit(url)
        if parts is None:
            raise ConfigurationError("the URL can not be read")
        self.scheme: str = parts.scheme
        self._netloc = parts.netloc
        self.netloc: str = unquote(parts.netloc)
        self.path: str = unquote(parts.path)
        self._rest = parts.path + parts.query
        if parts.fragment:
            raise self.error("nothing may follow a # (write %23 in a path or a password)")
        try:
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        except ValueError:
            raise self.refused("the options after ? can not be read") from None
        self.options: dict[str, str] = dict(pairs)
        if len(self.options) < len(pairs):
            raise self.error("an option is given twice")

    def option(self, name: str, read: Callable[[str], T], default: T, takes: str = "") -> T:
        """The option called *name*, as *read* takes its text; an error says what it *takes*."""
        if name not in self.options:
            return default
        try:
            return read(self.options[name])
        except StorageError:
            raise
        except ValueError:
            must = f"takes {takes}" if takes else "can not have this value"
            raise self.error(f"the option {name} {must}") from None

    def allow(self, *known: str) -> None:
        """Refuse options that are not *known*."""
        unknown = sorted(self.options.keys() - set(known))
        if unknown and "@" in self._rest:  # they may be a part of the password
            raise self.refused("there is no such option")
        if unknown:
            raise self.error(f"no option {', '.join(unknown)}; there are {_listed(known)}")

    def nothing_else(self) -> None:
        """Refuse a place where the scheme has none."""
        if self.netloc or self.path not in ("", "/"):
            raise self.error("no host and no path belong here")

    def login(self) -> tuple[str | None, str | None]:
        """The user's name and password, where they are given before an @."""
        from urllib.parse import unquote

        before, at, _ = self._netloc.rpartition("@")
        if not at:
            return None, None
        user, colon, password = before.partition(":")
        return unquote(user) or None, unquote(password) if colon else None

    def hosts(self, usual: int) -> list[tuple[str, int]]:
        """The hosts and ports, which commas separate; without a port it is the *usual* one."""
        listed = self._netloc.rpartition("@")[2]
        return [self._host(part, usual) for part in listed.split(",")] if listed else []

    def _host(self, part: str, usual: int) -> tuple[str, int]:
        from urllib.parse import unquote

        host, colon, port = part.rpartition(":")
        if not colon or "]" in port:
            host, port = part, str(usual)
        if not host or not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 65536:
            raise self.refused("write host:port")
        return unquote(host.removeprefix("[").removesuffix("]")), int(port)

    def refused(self, message: str) -> ConfigurationError:
        """What is wrong with this address, where a password may be why: it ends at a / or a ?."""
        hint = "; write %2F for a / and %3F for a ? in a name or a password"
        return self.error(message + hint if "@" in self._rest else message)

    def error(self, message: str) -> ConfigurationError:
        """What is wrong with this address."""
        return ConfigurationError(f"{self.scheme}:// URL: {message}")


def unknown_scheme(scheme: str, known: Iterable[str]) -> ConfigurationError:
    """The error for a scheme that nobody opens."""
    shown = ascii(scheme)[1:-1][:40]
    return ConfigurationError(f"nothing opens {shown}://; there are {_listed(known)}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
