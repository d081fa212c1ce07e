"""Net: tells systemd how the daemon fares (sd_notify(3)). Knows no reason; silent where systemd is not listening."""

from __future__ import annotations

import socket


def notify(address: str, state: str) -> None:
    """Send `state` ("READY=1") to the socket named in NOTIFY_SOCKET; an empty address or a deaf one is no trouble."""
    if not address:
        return
    # A leading @ stands for the NUL byte of an abstract socket.
    target = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(state.encode(), target)
        except OSError:
            return
