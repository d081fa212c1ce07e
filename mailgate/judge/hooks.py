"""Which webhooks a mail may be handed to, and the errand that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from mailgate.judge.canonical import canonical
from mailgate.model import Errand, ErrandKind, Gateway, Level, Webhook


def unknown(names: Iterable[str], gateway: Gateway) -> tuple[str, ...]:
    """Those of `names` that no webhook of the configuration bears."""
    known = {one.name for one in gateway.webhooks}
    return tuple(name for name in dict.fromkeys(names) if name not in known)


def withheld(name: str, sender: str, level: Level, gateway: Gateway) -> str:
    """Why the mail of `sender` is not handed to the webhook `name`, in words; "" where it may be."""
    found = next((one for one in gateway.webhooks if one.name == name), None)
    return permitted(found, sender, level) if found else f"there is no webhook {name}"


def permitted(webhook: Webhook, sender: str, level: Level) -> str:
    """Why `webhook` must not get a mail of `sender` (canonical, "" where nobody knows), or "".

    What is published speaks for whoever is named as its author: he must be proven, and be listed by the operator.
    """
    if not webhook.publishes:
        return ""
    if not sender or level is Level.A0:
        return f"webhook {webhook.name} publishes, and nobody is proven to have sent it"
    if not any(_is_listed(sender, one) for one in webhook.senders):
        return f"webhook {webhook.name} publishes, and its sender is not among those who may"
    return ""


def errand(
    kind: ErrandKind, message_id: int, at: datetime, give_up_s: int, new_id: Callable[[], int], *, target: str = ""
) -> Errand:
    """The way outside of one mail; `target` is the name of the webhook, `give_up_s` is of `limits.timing`."""
    return Errand(new_id(), kind, target, message_id, at, at + timedelta(seconds=give_up_s))


def _is_listed(sender: str, entry: str) -> bool:
    if entry.startswith("@"):
        return sender.rpartition("@")[2] == canonical(f"x{entry}").rpartition("@")[2]
    return sender == canonical(entry)
