"""The wire against real listeners on loopback: dialogues, messages, bounds, proxies, TLS, and whatever is hostile."""
