# Long because every test stands alone and all are about one subject; apart, their tables would be made twice.
"""What the shipped signals say of mail: each row by its own examples, then the scenarios, then anything at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, field
from msgspec.structs import replace

from mailgate.judge import token
from mailgate.judge.conditions import LONGEST_SHOWN
from mailgate.judge.kind import Weight, kind_of, weigh
from mailgate.judge.rules import HEADER, Signal
from mailgate.judge.signals import findings
from mailgate.mail.parse import parse
from mailgate.model import (
    Accepted,
    Authentication,
    Case,
    Disposition,
    Finding,
    Gateway,
    Keys,
    Kind,
    Level,
    Mailbox,
    Peer,
    Strength,
    Token,
    TokenKind,
)
from mailgate.rulebook import load, shipped_folder

SIGNALS = load(shipped_folder()).signals
KEYS = Keys("lab", "a", {"a": b"k" * 32})
DESK = Mailbox("support@g.test", "support")
GATEWAY = Gateway("mx.g.test", (DESK,), KEYS, bounce_domain="b.g.test")
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
TRACE = token.trace("acknowledge", 1, AT, KEYS)
OURS = token.message_id(1, "g.test", KEYS)
MAC = "0" * token.MAC_CHARS

PLAIN = {"From": "Joe <joe@x.test>", "To": "support@g.test", "Subject": "My printer burns", "Message-ID": "<1@x.test>"}


class Sent(Struct, frozen=True):
    """A mail by what is unusual about it."""

    headers: dict[str, str | None] = field(default_factory=dict)  # None takes an ordinary one away
    lines: tuple[str, ...] = ()  # further header lines
    body: tuple[str, ...] = ("Hello", "")
    mail_from: str = "joe@x.test"
    level: Level = Level.A2
    recipient: Token | None = None
    notes: tuple[str, ...] = ()

    def case(self) -> Case:
        merged = {**PLAIN, **self.headers}
        head = [f"{name}: {value}" for name, value in merged.items() if value is not None]
        raw = "\r\n".join([*head, *self.lines, "", *self.body]).encode()
        accepted = Accepted(1, "q", AT, self.mail_from, DESK.address, Peer(ip="192.0.2.1"), raw, self.notes)
        mail = parse(raw)
        proof = Authentication(self.level)
        return Case(accepted, mail, proof, DESK, AT, self.recipient, bare_subject=mail.subject)

    def findings(self) -> tuple[Finding, ...]:
        return findings(self.case(), SIGNALS, GATEWAY)

    def ids(self) -> set[str]:
        return {finding.id for finding in self.findings()}

    def kind(self) -> Kind:
        return kind_of(self.findings(), self.case())

    def weight(self) -> Weight:
        return weigh(self.findings())


def report(report_type: str, part: str, *lines: str) -> dict[str, object]:
    return {
        "headers": {"Content-Type": f"multipart/report; report-type={report_type}; boundary=b"},
        "body": ("--b", "", "words", "--b", f"Content-Type: {part}", "", *lines, "--b--", ""),
        "mail_from": "",
    }


DSN = report("delivery-status", "message/delivery-status", "Action: failed")


# ── Each row by its own examples ──────────────────────────────────────────────────────────────────────────────────────


HITS = [(signal, value) for signal in SIGNALS.all for value in signal.hits]
MISSES = [(signal, value) for signal in SIGNALS.all for value in signal.misses]


def label(value: object) -> str:
    return value.id if isinstance(value, Signal) else repr(value)


def in_a_header(signal: Signal, value: str) -> set[str]:
    name = signal.condition.fields[0].removeprefix(HEADER).replace("*", "-x")
    return Sent({name: value}).ids()


def plain_headers(pairs: list[tuple[Signal, str]]) -> list[tuple[Signal, str]]:
    return [
        (s, value)
        for s, value in pairs
        if s.condition.fields[0].startswith(HEADER) and not s.also and s.id != "D1-bare"
    ]


@pytest.mark.parametrize(("signal", "value"), plain_headers(HITS), ids=label)
def test_a_header_signal_hits_the_values_it_names(signal: Signal, value: str) -> None:
    assert signal.id in in_a_header(signal, value)


@pytest.mark.parametrize(("signal", "value"), plain_headers(MISSES), ids=label)
def test_a_header_signal_misses_the_values_it_names(signal: Signal, value: str) -> None:
    assert signal.id not in in_a_header(signal, value)


@pytest.mark.parametrize("signal", SIGNALS.all, ids=label)
def test_every_signal_says_what_it_hits_and_what_it_misses(signal: Signal) -> None:
    assert signal.hits
    assert signal.misses or all(map(signal.condition.accepts, ("", "anything"))), "only `present` misses nothing"


# ── Each computed field ───────────────────────────────────────────────────────────────────────────────────────────────

STRANGE = ", ".join(f"p{number}@x.test" for number in range(20))

COMPUTED: dict[str, tuple[Sent, str]] = {
    "null reverse-path": (Sent(mail_from=""), "A1"),
    "a DMARC report by its file": (
        Sent({"Content-Type": 'application/gzip; name="mx.test!g.test!1763683200!1763769599.xml.gz"'}),
        "B10-file",
    ),
    "our header enclosed, null path": (
        Sent({"Content-Type": "message/rfc822"}, body=(f"Mailgate-Trace: {TRACE}", "", ""), mail_from=""),
        "A1-enclosed",
    ),
    "qmail's double bounce": (Sent(mail_from="#@[]"), "A2"),
    "sent to a bounce token": (Sent(recipient=Token(TokenKind.BOUNCE, "a", 1)), "A3-robot"),
    "report to a bounce token": (Sent(mail_from="", recipient=Token(TokenKind.BOUNCE, "a", 1)), "A3-null"),
    "another mailbox of the organization": (Sent(mail_from="ann@mail.x.test"), "A5"),
    "another organization": (Sent(mail_from="bounce+9@esp.example"), "A5-other"),
    "101 hops": (Sent(lines=("Received: by a",) * 101), "A6"),
    "passed here once": (Sent(lines=(f"Received: from x by mx.g.test with ESMTP id Q1.{MAC};",)), "A7"),
    "passed here twice": (Sent(lines=(f"Received: from x by mx.g.test with ESMTP id Q1.{MAC};",) * 2), "A7-twice"),
    "delivered here before": (Sent(lines=("Received: by a", "Delivered-To: support@g.test")), "A8"),
    "not named": (Sent({"To": "list@l.test"}), "A10"),
    "21 people": (Sent({"Cc": STRANGE}), "A11"),
    "written nine days ago": (Sent({"Date": f"{AT - timedelta(days=9):%a, %d %b %Y %H:%M:%S} +0000"}), "A14"),
    "6 people": (Sent({"Cc": "a@x.test, b@x.test, c@x.test, d@x.test, e@x.test"}), "A11-some"),
    "from the desk itself": (Sent({"From": "Support <Support@G.test>"}), "A12"),
    "from the desk's sub-address": (Sent({"From": "support+sales@g.test"}), "A12"),
    "from a signed address": (Sent({"From": token.address(TokenKind.REPLY, 1, DESK.address, KEYS)}), "A12"),
    "from the bounce domain": (Sent({"From": "anything@b.g.test"}), "A12"),
    "colleague without proof": (Sent({"From": "ann@g.test"}, level=Level.A0), "A12-domain"),
    "delivery report": (Sent(**DSN), "B6"),
    "report of another type": (Sent({"Content-Type": "multipart/report; report-type=tlsrpt; boundary=b"}), "B10"),
    "DMARC report": (Sent({"Subject": "=?utf-8?q?Report_Domain:_g.test_Submitter:_x?="}), "B10-dmarc"),
    "invitation": (Sent({"Content-Type": "text/calendar; method=REQUEST"}), "B15"),
    "no author": (Sent({"From": None}), "B18"),
    "two author fields": (Sent(lines=("From: ann@x.test",)), "B18"),
    "two authors": (Sent({"From": "joe@x.test, ann@x.test"}), "B18-authors"),
    "line that is no field": (Sent(lines=("no field",)), "B18-header"),
    "multipart without boundary": (Sent({"Content-Type": "multipart/mixed"}), "B18-body"),
    "malformed reverse-path": (Sent(notes=("bad-reverse-path",)), "B18-path"),
    "loop mark with our name": (Sent({"X-Loop": "<support@g.test>"}), "C16-ours"),
    "our own mail": (Sent({"Mailgate-Trace": TRACE}), "C24"),
    "mail of another mailgate": (Sent({"Mailgate-Trace": TRACE.replace("i=lab", "i=other")}), "C25"),
    "mailer-daemon with a tag": (Sent(mail_from="MAILER-DAEMON+1@x.test"), "D1"),
    "mailer-daemon without domain": (Sent({"From": "MAILER-DAEMON (Mail System)"}), "D1-bare"),
    "postmaster with null path": (Sent({"From": "postmaster@x.test"}, mail_from=""), "D1-postmaster"),
    "mass mailer's path": (Sent(mail_from="bounce-12@x.test"), "D2"),
    "list's path": (Sent(mail_from="users-bounces+joe=y.test@x.test"), "D3"),
    "from no-reply": (Sent({"From": "No-Reply <No-Reply@x.test>"}, mail_from="no-reply@x.test"), "S1"),
    "made for one mail": (Sent({"From": "c0ffee00c0ffee00c0ffee00@x.test"}), "H2"),
    "made for one mail, base32": (Sent({"From": "mfrgg2ltmnsw4zlsoq5dgnjv@x.test"}), "H3"),
    "role address": (Sent({"From": "info@x.test"}), "W1"),
}


@pytest.mark.parametrize(("sent", "expected"), COMPUTED.values(), ids=COMPUTED)
def test_a_computed_signal_hits(sent: Sent, expected: str) -> None:
    assert expected in sent.ids()


def test_an_ordinary_mail_gives_no_signal() -> None:
    assert Sent().findings() == ()


QUIET = {
    "batv": Sent(mail_from="prvs=1234=joe@x.test"),
    "srs": Sent(mail_from="SRS0=abcd=XY=x.test=joe@fwd.test"),
    "verp": Sent(mail_from="joe-support=g.test@x.test"),
    "sub-address": Sent({"From": "joe+shop@x.test"}, mail_from="joe@x.test"),
    "case": Sent(mail_from="Joe@X.TEST"),
    "100 hops": Sent(lines=("Received: by a",) * 100),
    "Received of our own MTA under our name": Sent(lines=("Received: from x by mx.g.test with ESMTP id 4XyZ;",)),
    "delivery stamp of our own MTA": Sent(lines=("Delivered-To: support@g.test", "Received: by a")),
    "named by sub-address": Sent({"To": "support+r@g.test"}),
    "named in Cc": Sent({"To": "ann@x.test", "Cc": "Support <SUPPORT@g.test>"}),
    "5 people": Sent({"Cc": "a@x.test, b@x.test, c@x.test, d@x.test"}),
    "colleague with proof": Sent({"From": "ann@g.test"}, mail_from="ann@g.test"),
    "Auto-Submitted: no": Sent({"Auto-Submitted": "no (a person)"}),
    "X-ARS that asks for no reports": Sent({"X-Auto-Response-Suppress": "DR, NDR, RN, NRN"}),
    "ordinary Precedence": Sent({"Precedence": "first-class"}),
    "somebody else's loop mark": Sent({"X-Loop": "users@l.test"}),
    "asks for a receipt": Sent({"Disposition-Notification-To": "joe@x.test"}),
    "speaks of automatic replies": Sent({"Subject": "your automatic reply is broken"}),
    "long name": Sent(
        {"From": "Chris <christopher.washington.smith@x.test>"}, mail_from="christopher.washington.smith@x.test"
    ),
    "found by no filter": Sent({"X-Spam-Status": "No, score=-2"}),
    "forwards a bounce": Sent(
        {"Content-Type": "message/rfc822"}, body=("From: MAILER-DAEMON@y.test", "Auto-Submitted: auto-replied", "")
    ),
}


@pytest.mark.parametrize("sent", QUIET.values(), ids=QUIET)
def test_what_people_may_do_gives_no_signal(sent: Sent) -> None:
    assert sent.findings() == ()


# ── Scenarios ─────────────────────────────────────────────────────────────────────────────────────────────────────────

SCENARIOS: dict[str, tuple[Sent, Kind]] = {
    "T01 automatic reply": (Sent({"Auto-Submitted": "auto-replied"}), Kind.AUTO_REPLY),
    "T02 folded, commented, with space before the colon": (
        Sent(lines=("AUTO-SUBMITTED : Auto-Generated", "\t(cron); x=1")),
        Kind.SYSTEM,
    ),
    "T04 the worse of two": (Sent(lines=("Auto-Submitted: no", "Auto-Submitted: auto-notified")), Kind.SYSTEM),
    "T05 a word of the future": (Sent({"Auto-Submitted": "x-future-token"}), Kind.SYSTEM),
    "T06 a person asks for no answer": (Sent({"X-Auto-Response-Suppress": "All"}), Kind.HUMAN),
    "T08 invoice in bulk": (Sent({"Precedence": "bulk", "List-Unsubscribe": "<mailto:u@x.test>"}), Kind.LIST),
    "T09 iCloud vacation": (Sent({"X-Apple-Action": "VACATION"}), Kind.AUTO_REPLY),
    "T10 Exchange vacation": (
        Sent({"Auto-Submitted": "auto-generated", "X-MS-Exchange-Generated-Message-Source": "Mailbox Rules Agent"}),
        Kind.AUTO_REPLY,
    ),
    "T13 bounce": (Sent(**DSN), Kind.BOUNCE),
    "T13 bounce that says it is automatic": (
        replace(Sent(**DSN), lines=("Auto-Submitted: auto-replied",)),
        Kind.BOUNCE,
    ),
    "T15 global bounce": (
        Sent(**report("delivery-status", "message/global-delivery-status", "Action: failed")),
        Kind.BOUNCE,
    ),
    "delay": (Sent(**report("delivery-status", "message/delivery-status", "Action: delayed")), Kind.DELAY),
    "delay from mailer-daemon": (
        replace(
            Sent(**report("delivery-status", "message/delivery-status", "Action: delayed")),
            lines=("X-From: x",),
            mail_from="MAILER-DAEMON@x.test",
        ),
        Kind.DELAY,
    ),
    "receipt": (Sent(**report("delivery-status", "message/delivery-status", "Action: relayed")), Kind.RECEIPT),
    "failed for one, delayed for another": (
        Sent(**report("delivery-status", "message/delivery-status", "Action: delayed", "", "Action: failed")),
        Kind.BOUNCE,
    ),
    "bounce of our own mail system": (
        replace(Sent(**DSN), headers={**DSN["headers"], "From": "postmaster@g.test"}),
        Kind.BOUNCE,
    ),
    "T16 read receipt": (
        Sent(**report("disposition-notification", "message/disposition-notification", "Disposition: x")),
        Kind.MDN,
    ),
    "T17 complaint": (
        Sent(**report("feedback-report", "message/feedback-report", "Feedback-Type: abuse")),
        Kind.FEEDBACK,
    ),
    "T18 null path, nothing else": (Sent(mail_from=""), Kind.UNKNOWN_NULL),
    "null path and Precedence": (Sent({"Precedence": "junk"}, mail_from=""), Kind.AUTO_REPLY),
    "T19 no-reply": (Sent({"From": "noreply@x.test"}, mail_from="noreply@x.test"), Kind.HUMAN),
    "T20 list without marks": (Sent({"To": "list@l.test"}), Kind.HUMAN),
    "T21 two From fields": (Sent(lines=("From: ann@x.test",)), Kind.HUMAN),
    "T23 answer of a calendar": (Sent({"Content-Type": "text/calendar; method=REPLY"}), Kind.CALENDAR),
    "invitation": (Sent({"Content-Type": "text/calendar; method=REQUEST"}), Kind.CALENDAR),
    "T24 very many recipients": (Sent({"Cc": STRANGE}), Kind.HUMAN),
    "T26 mass mailer's path": (Sent(mail_from="bounce+9@esp.example"), Kind.HUMAN),
    "our own mail comes back": (Sent({"Mailgate-Trace": TRACE, "Auto-Submitted": "auto-replied"}), Kind.OWN_LOOP),
    "a robot answers the bounce address": (Sent(recipient=Token(TokenKind.BOUNCE, "a", 1)), Kind.AUTO_REPLY),
    "a vacation answers the bounce address": (
        Sent({"Auto-Submitted": "auto-replied"}, mail_from="", recipient=Token(TokenKind.BOUNCE, "a", 1)),
        Kind.AUTO_REPLY,
    ),
    "a formless bounce to the bounce address": (
        Sent(mail_from="", recipient=Token(TokenKind.BOUNCE, "a", 1)),
        Kind.BOUNCE,
    ),
}


@pytest.mark.parametrize(("sent", "expected"), SCENARIOS.values(), ids=SCENARIOS)
def test_a_mail_is_of_this_kind(sent: Sent, expected: Kind) -> None:
    assert sent.kind() is expected


SPOKEN_TO = {
    "no signal": Sent(),
    "T03": Sent({"Auto-Submitted": "no"}),
    "T07": Sent({"X-Auto-Response-Suppress": "DR, RN"}),
}
MUTE = {
    name: sent
    for name, (sent, kind) in SCENARIOS.items()
    if kind is not Kind.HUMAN or name[:3] in {"T06", "T19", "T20", "T21", "T24", "T26"}
}


@pytest.mark.parametrize("sent", [*SPOKEN_TO.values(), QUIET["batv"]], ids=[*SPOKEN_TO, "T25"])
def test_these_may_be_answered(sent: Sent) -> None:
    assert (sent.weight().acknowledge_objections, sent.weight().challenge_objections) == ((), ())


@pytest.mark.parametrize("sent", MUTE.values(), ids=MUTE)
def test_these_are_never_answered(sent: Sent) -> None:
    assert sent.weight().acknowledge_objections
    assert sent.weight().challenge_objections


def test_two_authors_break_trust() -> None:
    assert Sent(lines=("From: ann@x.test",)).weight().distrusted == "does not name one author"


def test_our_mail_enclosed_by_a_person_is_no_bounce() -> None:
    case = replace(Sent().case(), enclosed={OURS: Token(TokenKind.MESSAGE, "a", 1)})
    assert kind_of(findings(case, SIGNALS, GATEWAY), case) is Kind.HUMAN


def test_our_mail_enclosed_under_the_null_path_is_a_bounce() -> None:
    case = replace(Sent(mail_from="").case(), enclosed={OURS: Token(TokenKind.MESSAGE, "a", 1)})
    assert kind_of(findings(case, SIGNALS, GATEWAY), case) is Kind.BOUNCE


# ── Weight ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def found(strength: Strength, family: str = "", says: str = "it") -> Finding:
    return Finding("X", strength, "", "x.toml:1", family=family, says=says)


WEIGHTS = {
    "nothing": ((), True, True),
    "decisive": ((found(Strength.DECISIVE),), False, False),
    "strong": ((found(Strength.STRONG),), False, False),
    "distrust": ((found(Strength.DISTRUST),), False, False),
    "note": ((found(Strength.NOTE),), True, True),
    "one hint": ((found(Strength.HINT, "shape"),), True, False),
    "two hints of one family": ((found(Strength.HINT, "shape"),) * 2, True, False),
    "two hints of two families": ((found(Strength.HINT, "shape"), found(Strength.HINT, "timing")), False, False),
    "weak": ((found(Strength.WEAK, "sender-name"),), True, True),
    "two weak ones": ((found(Strength.WEAK, "sender-name"), found(Strength.WEAK, "shape")), True, True),
    "weak beside a hint": ((found(Strength.WEAK, "sender-name"), found(Strength.HINT, "shape")), False, False),
    "weak beside a hint of its family": ((found(Strength.WEAK, "shape"), found(Strength.HINT, "shape")), True, False),
}


@pytest.mark.parametrize(("given_findings", "acknowledge", "challenge"), WEIGHTS.values(), ids=WEIGHTS)
def test_findings_weigh(given_findings: tuple[Finding, ...], acknowledge: bool, challenge: bool) -> None:
    weight = weigh(given_findings)
    assert (not weight.acknowledge_objections, not weight.challenge_objections) == (acknowledge, challenge)


def test_objections_are_words_and_each_is_told_once() -> None:
    weight = weigh(
        (found(Strength.DECISIVE, says="a"), found(Strength.STRONG, says="b"), found(Strength.DECISIVE, says="a"))
    )
    assert weight.challenge_objections == ("a", "b")


# ── Anything ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = sorted(
    {name.removeprefix(HEADER).rstrip("*") for s in SIGNALS.all for name in s.condition.fields if HEADER in name}
)
ANYTHING = st.text(max_size=40) | st.sampled_from(
    ["auto-replied", "(", "yes", "support@g.test", "<>", "bulk", "All", TRACE]
)
HEADERS = st.dictionaries(
    st.sampled_from([*NAMES, "from", "to", "cc", "received", "delivered-to", "content-type"]), ANYTHING
)


@given(HEADERS, st.text(max_size=30), st.sampled_from([None, *TokenKind]), st.binary(max_size=60))
def test_any_mail_is_judged(headers: dict[str, str], mail_from: str, kind: TokenKind | None, body: bytes) -> None:
    lines = [f"{name}: {value}".encode("utf-8", "replace") for name, value in headers.items()]
    raw = b"\r\n".join([*lines, b"", body])
    accepted = Accepted(1, "q", AT, mail_from, "support@g.test", Peer(), raw)
    case = Case(accepted, parse(raw), Authentication(), DESK, AT, Token(kind, "a", 1) if kind else None)
    first = findings(case, SIGNALS, GATEWAY)
    assert first == findings(case, SIGNALS, GATEWAY)
    assert [finding.id for finding in first] == [s.id for s in SIGNALS.all if s.id in {finding.id for finding in first}]
    assert isinstance(kind_of(first, case), Kind)
    weigh(first)
    for finding in first:
        finding.value.encode()
        assert len(finding.value) <= LONGEST_SHOWN + 1


def test_a_finding_names_the_rule_that_made_it() -> None:
    (finding,) = Sent({"Auto-Submitted": "Auto-Replied"}).findings()
    assert finding.rule.startswith("20-signals-headers.toml:")
    assert (finding.value, finding.disposition) == ("auto-replied", Disposition.APPEND)
    line = int(finding.rule.rpartition(":")[2])
    text = (shipped_folder() / "20-signals-headers.toml").read_text().splitlines()
    assert text[line - 1 : line + 1] == ["[[signal]]", 'id = "B1"']
