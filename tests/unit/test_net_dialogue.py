"""What is said in a session, without a session."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model import Peer, Protocol, Role
from mailgate.net import replies
from mailgate.net.bind import Bind
from mailgate.net.bounds import Bounds
from mailgate.net.dialogue import Dialogue
from tests.fakes.door import FakeDoor


def _dialogue(
    ip: str = "192.0.2.7", *, role: Role = Role.EDGE, protocol: Protocol = Protocol.SMTP, trusted: bool = False
) -> Dialogue:
    bind = Bind("127.0.0.1:0", protocol, role)
    peer = Peer(ip, protocol=protocol, role=role)
    return Dialogue(bind, Bounds(), FakeDoor(), "g.test", peer, trusted=trusted, tls_offered=False)


def _said(dialogue: Dialogue, *lines: bytes) -> list[str]:
    return [str(dialogue.answer(line, followed=False, now_s=7.0))[:9].rstrip() for line in lines]


@pytest.mark.parametrize(
    ("ip", "role", "reply"),
    [
        ("192.0.2.7", Role.EDGE, "500 5.5.2"),
        ("2001:db8::7", Role.EDGE, "500 5.5.2"),
        ("127.0.0.1", Role.EDGE, "250 2.0.0"),
        ("::1", Role.EDGE, "250 2.0.0"),
        ("", Role.EDGE, "250 2.0.0"),
        ("192.0.2.7", Role.BEHIND, "250 2.0.0"),
    ],
)
def test_a_bare_line_feed_ends_a_command_only_near_by(ip: str, role: Role, reply: str) -> None:
    assert _said(_dialogue(ip, role=role), b"NOOP\n") == [reply]


@pytest.mark.parametrize("verb", [b"noop", b"NoOp", b"NOOP \t", b"NOOP anything at all"])
def test_commands_are_read_in_any_case(verb: bytes) -> None:
    assert _said(_dialogue(), verb + b"\r\n") == ["250 2.0.0"]


@pytest.mark.parametrize("verb", ["RſET", " NOOP", "NOOP\x00", "NOOP\r", "ＮＯＯＰ"])
def test_what_only_looks_like_a_command_is_none(verb: str) -> None:
    assert _said(_dialogue(), verb.encode() + b"\r\n") == ["500 5.5.2"]


@pytest.mark.parametrize("name", ["client.test", "[192.0.2.7]", "[IPv6:2001:db8::7]", "my_host", "WIN-4711", "-"])
def test_a_client_may_call_itself_nearly_anything(name: str) -> None:
    assert _said(_dialogue(), f"EHLO {name}\r\n".encode()) == ["250 g.tes"]


@pytest.mark.parametrize("name", ["", "a b", "a\rb", "a\x00b", "bücher.test", "a(b)", "<a>", 'a"b', "x" * 256])
def test_a_name_that_would_break_a_trace_is_refused(name: str) -> None:
    assert _said(_dialogue(), f"EHLO {name}\r\n".encode()) == ["501 5.5.4"]


def test_a_transaction_remembers_who_and_when() -> None:
    dialogue = _dialogue()
    _said(dialogue, b"EHLO c.test\r\n", b"MAIL FROM:<a@x.test> SMTPUTF8\r\n", b'RCPT TO:<"support"@g.test>\r\n')
    transaction = dialogue.finish()
    assert (transaction.mail_from, transaction.recipients, transaction.began_s) == ("a@x.test", ["support@g.test"], 7.0)
    assert (transaction.peer.helo, transaction.peer.utf8) == ("c.test", True)
    assert dialogue.transaction is None


@pytest.mark.parametrize("again", [b"RSET\r\n", b"EHLO c.test\r\n", b"HELO c.test\r\n"])
def test_beginning_again_forgets_the_transaction(again: bytes) -> None:
    dialogue = _dialogue()
    _said(dialogue, b"EHLO c.test\r\n", b"MAIL FROM:<a@x.test>\r\n", again)
    assert dialogue.transaction is None


def test_utf8_is_asked_for_mail_by_mail() -> None:
    dialogue = _dialogue()
    recipient = "RCPT TO:<boxé@g.test>\r\n".encode()
    assert _said(dialogue, b"EHLO c.test\r\n", b"MAIL FROM:<a@x.test> SMTPUTF8\r\n", recipient)[2] == "250 2.1.5"
    assert _said(dialogue, b"RSET\r\n", b"MAIL FROM:<a@x.test>\r\n", recipient)[2] == "553 5.6.7"


@pytest.mark.parametrize(
    "command", [b"EHLO c.test\r\n", b"LHLO c.test\r\n", b"DATA\r\n", b"STARTTLS\r\n", b"XCLIENT\r\n"]
)
def test_nothing_may_follow_a_command_that_changes_what_follows(command: bytes) -> None:
    assert _dialogue().answer(command, followed=True, now_s=0) is replies.OUT_OF_STEP


def test_refusals_of_the_door_are_no_errors_of_the_client() -> None:
    dialogue = _dialogue(role=Role.BEHIND)
    _said(dialogue, b"EHLO c.test\r\n", b"MAIL FROM:<a@x.test>\r\n")
    assert set(_said(dialogue, *[b"RCPT TO:<a@elsewhere.test>\r\n"] * 50)) == {"550 5.7.1"}


LINES = st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"") + b"\r\n"), max_size=30)


@given(lines=LINES, lmtp=st.booleans(), trusted=st.booleans())
def test_every_line_has_a_reply(lines: list[bytes], lmtp: bool, trusted: bool) -> None:
    dialogue = _dialogue(protocol=Protocol.LMTP if lmtp else Protocol.SMTP, trusted=trusted)
    for line in lines:
        assert 200 <= dialogue.answer(line, followed=False, now_s=0).code < 600
