"""TCP ports for daemons that come back to the same one after they were killed."""

from __future__ import annotations

import os
import random
import socket

# Below what the kernel gives to clients: there a client of ours could sit on the port while its daemon is down, and,
# calling it, even reach itself.
LOWEST, HIGHEST = 10_240, 32_000

_chance = random.Random(os.getpid())
_given: set[int] = set()  # whoever asks may not listen on his yet


def free_port() -> int:
    """A loopback port that nobody listens on, and that nobody else was given by this process."""
    while True:
        port = _chance.randrange(LOWEST, HIGHEST)
        if port in _given:
            continue
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                _given.add(port)
                return port
