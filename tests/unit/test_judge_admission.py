"""What the door says to a recipient and to a finished mail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.judge import admission, token
from mailgate.model import Mailbox, Mode, Peer, Role, TokenKind
from tests.fakes.judging import GATEWAY as THREE

LONG = "customer-care-department@long.test"
GATEWAY = replace(
    THREE,
    mailboxes=(
        *THREE.mailboxes,
        Mailbox(LONG, "care"),
        Mailbox("desk@bücher.test", "books"),
        Mailbox("s+eu@g.test", "eu"),
    ),
    bounce_domain="b.g.test",
)
TOKENS = {kind: token.token_text(kind, 7, GATEWAY.keys) for kind in TokenKind}
REPLY, BOUNCE = TOKENS[TokenKind.REPLY], TOKENS[TokenKind.BOUNCE]
FORGED = REPLY[:-1] + ("0" if REPLY[-1] != "0" else "1")

OURS = [
    pytest.param("support@g.test", "support", id="mailbox"),
    pytest.param("Support@G.Test", "support", id="case"),
    pytest.param('"support"@g.test', "support", id="quoted"),
    pytest.param("support+shop@g.test", "support", id="sub-address"),
    pytest.param("s+eu@g.test", "eu", id="mailbox with a plus"),
    pytest.param(f"support+{REPLY}@g.test", "support", id="reply address"),
    pytest.param(f"support+{REPLY.upper()}@G.TEST", "support", id="reply address, folded"),
    pytest.param(f"s+eu+{REPLY}@g.test", "eu", id="reply address of a mailbox with a plus"),
    pytest.param(f"r+{REPLY}@long.test", "care", id="short form of a long mailbox"),
    pytest.param(f"{BOUNCE}@b.g.test", "support", id="bounce domain"),
    pytest.param(f"support+{BOUNCE}@g.test", "support", id="bounce sub-address"),
    pytest.param(f"support+{TOKENS[TokenKind.MESSAGE]}@g.test", "support", id="a Message-ID is only a sub-address"),
    pytest.param("desk@xn--bcher-kva.test", "books", id="A-label"),
    pytest.param("desk@bücher.test", "books", id="U-label"),
    pytest.param("postmaster", "support", id="T121 postmaster without domain"),
    pytest.param("Postmaster@g.test", "support", id="postmaster"),
    pytest.param("abuse@b.g.test", "support", id="abuse at the bounce domain"),
]


@pytest.mark.parametrize(("address", "queue"), OURS)
def test_what_is_ours_is_welcome(address: str, queue: str) -> None:
    mailbox = admission.mailbox_of(address, GATEWAY)

    assert admission.recipient(address, GATEWAY) is None
    assert mailbox is not None
    assert mailbox.queue == queue


REFUSED = [
    pytest.param("sales@g.test", admission.UNKNOWN_MAILBOX, id="unknown mailbox"),
    pytest.param("sales", admission.UNKNOWN_MAILBOX, id="unknown without domain"),
    pytest.param("", admission.UNKNOWN_MAILBOX, id="nothing"),
    pytest.param("joe@x.test", admission.NO_RELAY, id="somebody else's domain"),
    pytest.param("postmaster@x.test", admission.NO_RELAY, id="somebody else's postmaster"),
    pytest.param(f"support+{FORGED}@g.test", admission.FORGED_TOKEN, id="T68 a bit flipped"),
    pytest.param(f"support+b{REPLY[1:]}@g.test", admission.FORGED_TOKEN, id="T68 kind swapped"),
    pytest.param(f"support+{REPLY}@x.test", admission.FORGED_TOKEN, id="T68 elsewhere"),
    pytest.param(f"{REPLY}@b.g.test", admission.FORGED_TOKEN, id="no reply address at the bounce domain"),
    pytest.param("joe@b.g.test", admission.UNKNOWN_MAILBOX, id="nobody lives at the bounce domain"),
]


@pytest.mark.parametrize(("address", "reply"), REFUSED)
def test_what_is_not_ours_is_refused(address: str, reply: object) -> None:
    assert admission.recipient(address, GATEWAY) == reply


@pytest.mark.parametrize("kind", [kind for kind in TokenKind if kind is not TokenKind.MESSAGE])
def test_a_token_is_read_from_its_address(kind: TokenKind) -> None:
    found = admission.recipient_token(f"support+{TOKENS[kind]}@g.test", GATEWAY)

    assert found is not None
    assert (found.kind, found.id) == (kind, 7)
    assert admission.recipient_token("support@g.test", GATEWAY) is None


def test_postmaster_reaches_somebody_whatever_the_mode() -> None:
    mailbox = admission.mailbox_of("postmaster@g.test", GATEWAY)

    assert mailbox == Mailbox("support@g.test", "support", Mode.OFF)
    own = replace(GATEWAY, mailboxes=(*GATEWAY.mailboxes, Mailbox("postmaster@g.test", "post")))
    assert admission.mailbox_of("postmaster@g.test", own) == Mailbox("postmaster@g.test", "post")


@pytest.mark.parametrize(
    ("hops", "role", "refused"), [(100, Role.EDGE, False), (101, Role.EDGE, True), (101, Role.BEHIND, False)]
)
def test_a_loop_is_refused_only_to_its_sender(hops: int, role: Role, refused: bool) -> None:
    """T110"""
    assert (admission.finished(hops, Peer(role=role)) == admission.TOO_MANY_HOPS) is refused


@given(st.text(alphabet=st.characters(), max_size=80))
def test_any_recipient_has_an_answer(address: str) -> None:
    for text in (address, f"{address}@g.test", f"support+{address}@g.test", f"support@{address}"):
        admission.recipient(text, GATEWAY)
        admission.recipient_token(text, GATEWAY)
