"""Forwarded mail: a person behind each forward is asked or thanked, a robot is not, and a forger gains nothing.

The mails are composed from what Microsoft and Google publish, and from headers as they are seen in public archives.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from mailgate.cases import case_of
from mailgate.judge import answer, token, verdict
from mailgate.mail.parse import read
from mailgate.model import (
    Accepted,
    Authentication,
    Case,
    Filing,
    Forwarder,
    Gateway,
    Kind,
    Level,
    Mailbox,
    Mode,
    Peer,
    Preset,
    Purpose,
    State,
    Strength,
    TokenKind,
)
from tests.fakes.judging import KEYS, START, Judging, rulebook

DELIVERS = frozenset({"support@example.com"})
MICROSOFT = "203.0.113.7"
MAILBOXES = (Mailbox("desk@g.test", "support"), Mailbox("open@g.test", "open", Mode.OPEN))
SRS = "support+SRS=9x2Qp=K3=x.test=joe@example.com"
CAF = "support+caf_=desk=g.test@example.com"
GROUP_PATH = "support+bncBDAAAA7DVUIRBQPFYLBQMGQE2ABCDEF@example.com"


def gateway(preset: str, *networks: str, mailboxes: Sequence[Mailbox] = MAILBOXES) -> Gateway:
    forwarder = Forwarder(Preset(preset), DELIVERS, tuple(map(ip_network, networks)))
    return Gateway("mx.g.test", tuple(mailboxes), KEYS, forwarders=(forwarder,))


class Sent(Struct, frozen=True):
    """A forwarded mail: who brought it, and what it says beside an ordinary header."""

    preset: str
    mail_from: str
    lines: str = ""  # further header lines, one a line
    author: str = "Joe <joe@x.test>"
    to: str = "support@example.com"
    subject: str = "My printer burns"
    level: Level = Level.A2
    rcpt_to: str = "desk@g.test"
    ip: str = MICROSOFT

    def case(self, gate: Gateway) -> Case:
        lines = [*filter(None, self.lines.splitlines()), f"From: {self.author}", f"To: {self.to}"]
        head = "".join(f"{line}\n" for line in (*lines, f"Subject: {self.subject}"))
        raw = f"{head}Date: Mon, 5 Jan 2026 09:00:00 +0000\nMessage-ID: <1@x.test>\n\nIt really does.\n"
        accepted = Accepted(1, "q", START, self.mail_from, self.rcpt_to, Peer(ip=self.ip), crlf(raw))
        proof = Authentication(self.level, domain="x.test" if self.level is not Level.A0 else "", why="proven by DKIM")
        return case_of(accepted, *read(accepted.raw), proof, gateway=gate, book=rulebook(), now=START)


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8", "surrogatepass")


def judged(sent: Sent, gate: Gateway | None = None) -> tuple[Filing, list[Purpose]]:
    gate = gate or gateway(sent.preset)
    judging = Judging(gate, now=datetime(2026, 1, 5, 9, tzinfo=UTC))
    (filing,) = judging.judge([sent.case(gate)])
    return filing, [planned.purpose for planned in judging.sent]


SRS_LINES = """
Received: from outbound.protection.outlook.com (203.0.113.7) by mx.g.test
X-MS-Exchange-CrossTenant-Id: 11111111-1111-1111-1111-111111111111
X-MS-Exchange-Transport-CrossTenantHeadersStamped: AM0PR01MB0001
"""
LABEL = """
Auto-Submitted: auto-generated
X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent
X-MS-Exchange-Inbox-Rules-Loop: support@example.com
"""
REDIRECTED = "Resent-From: <support@example.com>\n"
FORWARDED_FOR = """
Received: by 2002:a05:6402:1 with SMTP id x1csp1; Mon, 5 Jan 2026 01:00:01 -0800 (PST)
X-Forwarded-To: desk@g.test
X-Forwarded-For: support@example.com desk@g.test
Delivered-To: support@example.com
X-Gm-Message-State: AAAAAAAA
"""
GROUP = """
Precedence: list
Mailing-list: list support@example.com; contact support+owners@example.com
List-ID: <support.example.com>
X-BeenThere: support@example.com
X-Spam-Checked-In-Group: support@example.com
X-Google-Group-Id: 304886998071
X-Original-Sender: joe@x.test
List-Post: <https://groups.google.com/a/example.com/group/support/post>, <mailto:support@example.com>
List-Help: <https://support.google.com/a/example.com/bin/topic.py?topic=25838>, <mailto:support+help@example.com>
List-Unsubscribe: <mailto:googlegroups-manage+304886998071+unsubscribe@googlegroups.com>
"""
REWRITTEN = GROUP + "X-Original-From: Joe <joe@x.test>\nReply-To: Joe <joe@x.test>\n"

PEOPLE = {
    "Microsoft 365, mailbox forwarding": Sent("microsoft365", SRS, SRS_LINES),
    "Microsoft 365, mailbox forwarding before 2023": Sent("microsoft365", "support@example.com", SRS_LINES),
    "Microsoft 365, redirect rule": Sent("microsoft365", SRS, SRS_LINES + REDIRECTED),
    "Microsoft 365, rule with its label": Sent("microsoft365", SRS, SRS_LINES + LABEL),
    "Microsoft 365, redirect rule with its label": Sent("microsoft365", SRS, SRS_LINES + REDIRECTED + LABEL),
    "Microsoft 365, connector": Sent("microsoft365", "joe@x.test", SRS_LINES),
    "Microsoft 365, relayed": Sent("microsoft365", "bounces+SRS=DmMzc=V3@tenant.onmicrosoft.com", SRS_LINES),
    "Google, account": Sent("google", CAF, FORWARDED_FOR),
    "Google, account, blind copy": Sent("google", CAF, FORWARDED_FOR, to="undisclosed-recipients:;"),
    "Google, routing": Sent("google", "joe@x.test", "X-Gm-Original-To: support@example.com"),
    "Google, routing, nothing changed": Sent("google", "joe@x.test", "X-Gm-Message-State: AAAA"),
    "Google, group": Sent("google", GROUP_PATH, GROUP),
    "alias, virtual": Sent("alias", "joe@x.test", "X-Original-To: support@example.com"),
    "alias, delivered": Sent("alias", "joe@x.test", "Delivered-To: support@example.com"),
    "alias, no trace": Sent("alias", "joe@x.test"),
    "alias, SRS0": Sent("alias", "SRS0=HHH=TT=x.test=joe@example.com"),
    "alias, SRS1": Sent("alias", "SRS1=HHH=first.test==HHH=TT=x.test=joe@example.com"),
    "alias, its own reverse-path": Sent("alias", "support@example.com"),
    "alias, resent": Sent("alias", "joe@x.test", "Resent-From: support@example.com\nResent-To: desk@g.test"),
}


@pytest.mark.parametrize("sent", PEOPLE.values(), ids=PEOPLE)
def test_a_person_behind_a_forward_is_asked_whether_he_is_there(sent: Sent) -> None:
    filing, purposes = judged(sent)
    assert (filing.verdict.kind, filing.verdict.respond.reasons, purposes) == (Kind.HUMAN, (), [Purpose.CHALLENGE])


@pytest.mark.parametrize("sent", PEOPLE.values(), ids=PEOPLE)
def test_and_where_nobody_is_asked_he_gets_his_acknowledgement(sent: Sent) -> None:
    filing, purposes = judged(replace(sent, rcpt_to="open@g.test"))
    assert (filing.state, purposes) == (State.TICKETED, [Purpose.ACKNOWLEDGE])


@pytest.mark.parametrize("sent", PEOPLE.values(), ids=PEOPLE)
def test_without_proof_of_the_author_nothing_is_sent(sent: Sent) -> None:
    assert judged(replace(sent, level=Level.A0))[1] == []


CARRIERS = {
    "Microsoft 365": ("microsoft365", SRS, SRS_LINES + LABEL),
    "Google": ("google", CAF, FORWARDED_FOR),
    "Google, group": ("google", GROUP_PATH, GROUP),
    "alias": ("alias", "joe@x.test", "Delivered-To: support@example.com\n"),
}
ROBOTS = {
    "vacation": {"lines": "Auto-Submitted: auto-replied"},
    "notice": {"lines": "Auto-Submitted: auto-notified"},
    "null path": {"mail_from": ""},
    "vacation of Exchange": {
        "lines": "X-Auto-Response-Suppress: All\nX-MS-Exchange-Inbox-Rules-Loop: joe@x.test",
    },
    "list": {"lines": "List-Id: <users.lists.test>\nX-Mailman-Version: 3"},
    "mass mail": {"lines": "Precedence: bulk"},
    "one click": {"lines": "List-Unsubscribe-Post: List-Unsubscribe=One-Click"},
    "noreply": {"author": "Shop <noreply@x.test>"},
    "delivery report": {
        "mail_from": "",
        "lines": "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
    },
    "mailer-daemon": {"author": "Mail <mailer-daemon@x.test>"},
    "another ticket system": {"lines": "X-Zammad-Ticket-Id: 1"},
}


@pytest.mark.parametrize("carrier", CARRIERS.values(), ids=CARRIERS)
@pytest.mark.parametrize("robot", ROBOTS.values(), ids=ROBOTS)
def test_a_robot_behind_a_forward_gets_nothing(robot: dict[str, str], carrier: tuple[str, str, str]) -> None:
    preset, mail_from, lines = carrier
    changes = {"mail_from": mail_from, **robot, "lines": f"{lines.strip()}\n{robot.get('lines', '')}"}
    for mailbox in ("desk@g.test", "open@g.test"):
        filing, purposes = judged(Sent(preset, rcpt_to=mailbox, **changes))
        assert purposes == []
        assert filing.verdict.respond.reasons != ()


def test_the_label_of_microsoft_is_no_excuse_for_another_sign_of_a_machine() -> None:
    for more in ("X-Campaign-Id: 9", "Auto-Submitted: auto-generated", "X-MS-Exchange-Inbox-Rules-Loop: joe@x.test"):
        filing, purposes = judged(Sent("microsoft365", SRS, f"{SRS_LINES}{LABEL}{more}"))
        assert (filing.verdict.kind, purposes) == (Kind.AUTO_REPLY, []), more
    absent = Sent("microsoft365", SRS, SRS_LINES + LABEL, subject="Automatic reply: My printer burns")
    assert judged(absent)[0].verdict.kind is Kind.AUTO_REPLY


def test_a_person_who_asks_for_no_automatic_answer_is_still_one_behind_the_label() -> None:
    filing, purposes = judged(Sent("microsoft365", SRS, f"{SRS_LINES}{LABEL}X-Auto-Response-Suppress: OOF, AutoReply"))
    assert (filing.verdict.kind, filing.state, purposes) == (Kind.HUMAN, State.HELD, [])


def test_the_label_counts_where_no_forward_of_ours_is_shown() -> None:
    filing, purposes = judged(Sent("microsoft365", "joe@x.test", LABEL, to="desk@g.test"))
    assert (filing.verdict.kind, purposes) == (Kind.AUTO_REPLY, [])


@pytest.mark.parametrize("author", ["support@example.com", "'Joe' via Support <support@example.com>"])
def test_what_the_forwarding_address_itself_writes_is_kept_for_people_without_an_answer(author: str) -> None:
    filing, purposes = judged(Sent("google", GROUP_PATH, REWRITTEN, author=author))
    assert (filing.verdict.kind, filing.state, purposes) == (Kind.HUMAN, State.HELD, [])


def test_a_group_that_is_our_mailbox_too_and_wrote_itself_into_from_is_no_loop_of_ours() -> None:
    own = gateway("google", mailboxes=[Mailbox("support@example.com", "support")])
    sent = Sent("google", GROUP_PATH, REWRITTEN, author="support@example.com", rcpt_to="support@example.com")
    filing, purposes = judged(sent, own)
    assert (filing.verdict.kind, filing.state, purposes) == (Kind.HUMAN, State.HELD, [])
    plain = Sent("google", GROUP_PATH, author="support@example.com", rcpt_to="support@example.com")
    assert judged(plain, own)[0].verdict.kind is Kind.OWN_LOOP


def test_a_list_that_is_subscribed_to_the_group_stays_a_list() -> None:
    other = GROUP.replace("X-BeenThere: support@example.com", "X-BeenThere: users@lists.test")
    twice = f"{GROUP}List-Id: <users.lists.test>"
    leave = f"{GROUP}List-Unsubscribe: <mailto:leave@lists.test>"
    for lines in (other, twice, leave, f"{GROUP}X-Mailman-Version: 3.3"):
        filing, purposes = judged(Sent("google", GROUP_PATH, lines))
        assert (filing.verdict.kind, purposes) == (Kind.LIST, [])


def test_signals_do_not_see_what_the_group_itself_wrote() -> None:
    """Rules about lists look for these fields; what a list passes on is no report, and its people may be away."""
    gate = gateway("google")
    sight = verdict.look(Sent("google", GROUP_PATH, GROUP).case(gate), rulebook().signals, gate)
    assert {one.id for one in sight.findings if one.strength is not Strength.NOTE} == set()
    assert not {"B11", "C18"} & {one.id for one in sight.findings}


# ── What a stranger gains ─────────────────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = {
    "microsoft365": Sent("microsoft365", SRS, SRS_LINES + LABEL, to="x@y.test", ip="192.0.2.66"),
    "google": Sent("google", CAF, FORWARDED_FOR, to="x@y.test", ip="192.0.2.66"),
    "google group": Sent("google", GROUP_PATH, GROUP, ip="192.0.2.66"),
    "alias": Sent("alias", "joe@x.test", "Delivered-To: support@example.com", to="x@y.test", ip="192.0.2.66"),
}


@pytest.mark.parametrize("sent", ELSEWHERE.values(), ids=ELSEWHERE)
def test_forged_marks_count_for_nothing_from_another_network(sent: Sent) -> None:
    gate = gateway(sent.preset, "203.0.113.0/24")
    assert sent.case(gate).forwarded == ()
    assert judged(sent, gate)[1] == []


def test_marks_that_name_nobody_whose_mail_is_forwarded_count_for_nothing() -> None:
    stranger = Sent("google", CAF.replace("support", "other"), FORWARDED_FOR.replace("support", "other"), to="x@y.test")
    assert stranger.case(gateway("google")).forwarded == ()
    assert judged(Sent("microsoft365", SRS.replace("example.com", "evil.test"), to="x@y.test"))[1] == []


def test_a_client_that_is_not_known_is_in_no_network() -> None:
    sent = PEOPLE["Google, account"]
    gate = gateway("google", "203.0.113.0/24")
    for ip, networks in [("", ()), ("::ffff:203.0.113.7", ("google-path", "google-account", "google-routing"))]:
        case = Sent("google", sent.mail_from, sent.lines, ip=ip).case(gate)
        assert case.forwarded == networks


def test_only_a_forwarder_known_by_its_network_is_no_origin() -> None:
    """What Microsoft or Google bring comes from all their customers at once; a stranger must not choose his origin."""
    sent = PEOPLE["Google, account"]
    for networks, expected in [(("203.0.113.0/24",), "x.test"), ((), "203.0.113.0/24")]:
        case = sent.case(gateway("google", *networks))
        assert answer.origin_of(case, case.authentication) == expected


def test_without_a_listed_forwarder_nothing_is_forgiven() -> None:
    gate = Gateway("mx.g.test", MAILBOXES, KEYS)
    for sent in PEOPLE.values():
        assert sent.case(gate).forwarded == ()


def test_what_is_forgiven_stays_in_sight_with_the_rule_that_forgave_it() -> None:
    gate = gateway("microsoft365")
    sight = verdict.look(PEOPLE["Microsoft 365, rule with its label"].case(gate), rulebook().signals, gate)
    notes = {one.id: one for one in sight.findings if one.strength is Strength.NOTE}
    assert {"A10", "A13", "B2", "C11", "microsoft365-srs", "microsoft365-label"} <= notes.keys()
    assert notes["A10"].says == (
        "neither To nor Cc names this mailbox; forgiven: forwarded by a mailbox or a rule of Microsoft 365"
    )
    assert notes["microsoft365-srs"].rule.startswith("35-forwarders.toml:")


@given(st.text(), st.text(), st.text(), st.sampled_from(["microsoft365", "google", "alias"]))
def test_whatever_is_written_in_the_marks_a_verdict_follows(mail_from: str, mark: str, other: str, preset: str) -> None:
    gate = gateway(preset)
    lines = f"X-Forwarded-For: {mark}\nDelivered-To: {other}\nResent-From: {mark}\nX-Google-Group-Id: {other}"
    case = Sent(preset, mail_from, lines, to=f"{other} {mark}").case(gate)
    assert verdict.look(case, rulebook().signals, gate).kind in Kind


# ── Signed addresses ──────────────────────────────────────────────────────────────────────────────────────────────────

HOME = [Mailbox("support@example.com", "support"), Mailbox("desk@g.test", "support")]
REPLY = token.address(TokenKind.REPLY, 7, "support@example.com", KEYS)


@pytest.mark.parametrize(
    ("preset", "mail_from", "lines", "to"),
    [
        ("microsoft365", SRS, SRS_LINES, REPLY),
        (
            "google",
            CAF,
            FORWARDED_FOR.replace("Delivered-To: support@example.com", f"Delivered-To: {REPLY}"),
            "x@y.test",
        ),
        ("google", CAF, FORWARDED_FOR.replace("X-Forwarded-For: support@example.com", f"X-Forwarded-For: {REPLY}"), ""),
        ("alias", "joe@x.test", f"X-Original-To: <{REPLY}>", "x@y.test"),
        ("alias", "", f"Delivered-To: {REPLY}", ""),
    ],
    ids=["to", "delivered-to", "x-forwarded-for", "x-original-to", "of a report"],
)
def test_a_signed_address_is_found_where_the_forward_left_it(preset: str, mail_from: str, lines: str, to: str) -> None:
    sent = Sent(preset, mail_from, lines, to=to)
    found = sent.case(gateway(preset, mailboxes=HOME)).recipient
    assert found is not None
    assert (found.kind, found.id) == (TokenKind.REPLY, 7)
    assert sent.case(Gateway("mx.g.test", tuple(HOME), KEYS)).recipient is None


def test_a_forged_signed_address_is_none() -> None:
    sent = Sent("microsoft365", SRS, SRS_LINES, to=REPLY.replace(REPLY.partition("@")[0][-1] + "@", "x@"))
    assert sent.case(gateway("microsoft365", mailboxes=HOME)).recipient is None
