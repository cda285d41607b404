"""Certificates for a proxy that ends TLS in front of a plain server."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import trustme

from .process import HOST


@dataclass(frozen=True)
class Certificates:
    """What a client trusts, and what the proxy shows: good, and bad in three ways."""

    ca: Path
    """The authority that issued all but those of a `stranger`."""

    right: ssl.SSLContext
    wrong_host: ssl.SSLContext
    expired: ssl.SSLContext
    stranger: ssl.SSLContext
    """Issued by somebody whom the client does not know."""

    @classmethod
    def made(cls, folder: Path) -> Certificates:
        authority = trustme.CA()
        path = folder / "ca.pem"
        authority.cert_pem.write_to_path(path)
        yesterday = datetime.now(timezone.utc) - timedelta(days=1)
        before = yesterday - timedelta(days=1)
        expired = authority.issue_cert(HOST, "localhost", not_before=before, not_after=yesterday)
        return cls(
            ca=path,
            right=_shown(authority.issue_cert(HOST, "localhost")),
            wrong_host=_shown(authority.issue_cert("elsewhere.example")),
            expired=_shown(expired),
            stranger=_shown(trustme.CA().issue_cert(HOST, "localhost")),
        )


def _shown(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context
