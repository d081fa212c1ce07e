"""Net: the certificate of a listener, as what a TLS session needs. Knows no configuration."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypeAlias

ServerContext: TypeAlias = ssl.SSLContext


def server_context(certificate: Path, key: Path) -> ServerContext:
    """Load a certificate with its chain, and its key, both PEM. TLS 1.2 or newer (RFC 8996).

    Raises:
        OSError: a file cannot be read, is no PEM, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
