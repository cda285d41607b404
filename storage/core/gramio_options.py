"""The options of GramIO's storages, where they come as one object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ConfigurationError
from ..ttl import DefaultTtl, default_span

_TTL = "$ttl"


class Said(NamedTuple):
    """What was said of a storage: where it is, for how long values live, and one name more."""

    place: Any
    ttl: DefaultTtl
    name: str


def on_redis(client: Any, ttl: DefaultTtl, key_prefix: str) -> Said:
    """What *client* says, which may be an object of options, beside what was said by itself.

    The place is then a URL, or all options that belong to the connections.
    """
    if not isinstance(client, Mapping):
        return Said(client, _checked(ttl), _text("key_prefix", key_prefix))
    rest = dict(client)
    lifetime = _lifetime(rest, ttl)
    prefix = _text("keyPrefix", _one_of(rest, ("keyPrefix", "key_prefix"), key_prefix, ""))
    if "url" not in rest:
        return Said(rest, lifetime, prefix)
    url = rest.pop("url")
    if rest or not isinstance(url, str):
        raise ConfigurationError("url is a text, and no option but $ttl and keyPrefix goes with it")
    return Said(url, lifetime, prefix)


def on_sqlite(db: Any, ttl: DefaultTtl, table_name: str, usual: str) -> Said:
    """The same for a table, which is called as *usual* where nothing else is said."""
    if not isinstance(db, Mapping):
        return Said(db, _checked(ttl), table_name)
    rest = dict(db)
    lifetime = _lifetime(rest, ttl)
    table = _one_of(rest, ("tableName", "table_name"), table_name, usual)
    place = _one_of(rest, ("db", "filename"), None, None)
    if rest:
        raise ConfigurationError(f"there is no option {', '.join(sorted(map(str, rest)))}")
    return Said(place, lifetime, table)


def _lifetime(rest: dict[str, Any], ttl: DefaultTtl) -> DefaultTtl:
    """The lifetime by one of two names; to GramIO 0 is none."""
    if _TTL not in rest:
        return _checked(ttl)
    told = rest.pop(_TTL)
    if ttl is not None:
        raise ConfigurationError("the lifetime is said twice: as ttl= and as $ttl")
    lifetime: DefaultTtl = None if told == 0 and not isinstance(told, bool) else told
    return _checked(lifetime, _TTL)


def _checked(ttl: DefaultTtl, name: str = "ttl") -> DefaultTtl:
    default_span(ttl, name)
    return ttl


def _text(name: str, text: Any) -> str:
    if not isinstance(text, str):
        raise ConfigurationError(f"{name} must be a str, not {type(text).__name__}")
    return text


def _one_of(rest: dict[str, Any], names: tuple[str, ...], told: Any, usual: Any) -> Any:
    """What is said by one of *names*, or was *told* by itself; to GramIO `None` is not said."""
    said = [one for one in (rest.pop(name, None) for name in names) if one is not None]
    if len(said) + (told != usual) > 1:
        raise ConfigurationError(f"said twice: {' and '.join(names)}")
    return said[0] if said else told
