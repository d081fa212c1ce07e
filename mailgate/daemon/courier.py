"""Faces: makes from the settings who carries mail out."""

from __future__ import annotations

from mailgate.config import Settings
from mailgate.config.shapes import split_endpoint
from mailgate.net.connection import Login, Tls
from mailgate.net.deliver import Courier, Relay
from mailgate.net.resolver import Resolver


def courier_of(settings: Settings, resolver: Resolver, password: str) -> Courier:
    """By the relay, or by MX where none is configured. `password` is the relay's, "" where it wants none."""
    outbound = settings.outbound
    relay = None
    if outbound.relay:
        login = Login(outbound.user, password) if outbound.user else None
        relay = Relay(*split_endpoint(outbound.relay), login)
    return Courier(resolver, name=settings.gateway.name, relay=relay, tls=Tls(outbound.tls))
