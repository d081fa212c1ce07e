"""Faces: makes from the settings who proves the author of a mail. Decides nothing."""

from __future__ import annotations

import asyncio

from mailgate.config import Settings
from mailgate.net.authenticate import Authenticator, Beside
from mailgate.net.resolver import Names
from mailgate.net.witnesses import Believed, Witnesses


def witnesses_of(
    settings: Settings, names: Names, *, assume: str = "", beside: Beside = asyncio.to_thread
) -> Witnesses:
    """Our own verification, and whose word is taken besides. `assume` and `beside` are as for `Authenticator`."""
    table = settings.authentication
    sealers = [sealer for forwarder in settings.forwarder for sealer in forwarder.arc_sealers]
    believed = Believed.named(table.trusted_upstreams, table.trusted_authserv_ids, sealers)
    return Witnesses(Authenticator(names, assume=assume, beside=beside), names, believed, beside=beside)
