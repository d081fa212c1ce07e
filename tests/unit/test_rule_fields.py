"""What rules may look at: each field by an example, and as the document lists them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace as changed
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from mailgate.cases import case_of
from mailgate.judge import hours
from mailgate.judge.conditions import LONGEST_LOOKED_AT
from mailgate.judge.fields import FIELDS
from mailgate.judge.ruling.fields import ALL_FIELDS, OF_HISTORY, RULE_FIELDS, About, values_of
from mailgate.judge.ruling.reading import compile_rules
from mailgate.mail.parse import read
from mailgate.model import (
    Accepted,
    Acquaintance,
    Authentication,
    Case,
    Kind,
    Level,
    Mailbox,
    Opinion,
    Peer,
    Role,
    Standing,
    Trust,
)
from mailgate.rulebook import Rulebook, load, shipped_folder
from tests.fakes.judging import GATEWAY, START

DOCUMENT = Path(__file__).parents[2] / "docs" / "rule-fields.md"
ROW = re.compile(r"^\| `(\w+)`(\*?) \| (.+) \| `(.+)` \|$", re.MULTILINE)
RAW = (
    b"From: Anne <Anne@Paper.example>\r\nTo: a@x.test, b@X.test, c@y.test\r\nCc: d@z.test\r\nSubject: Order\r\n"
    b"Reply-To: e@other.example\r\nList-Id: The people <people.lists.example>\r\nMessage-ID: <1@paper.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nDear friends,\r\nthe order is here.\r\n\r\n> what was said\r\n"
    b'--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="Bill.PDF"\r\n\r\n'
    b"x\r\n--b--\r\n"
)
KNOWN = Acquaintance("anne@paper.example", 1, Standing.TRUSTED, START - timedelta(days=9), 5, START)


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load(shipped_folder())


def case(book: Rulebook, level: Level = Level.A2, **more: Any) -> Case:
    peer = Peer("192.0.2.7", "mx.paper.example", tls=True, role=Role.EDGE)
    accepted = Accepted(1, "q", START, "anne@paper.example", "support+shop@g.test", peer, RAW)
    proof = Authentication(level, dkim="pass", domain="paper.example")
    return replace(case_of(accepted, *read(RAW), proof, gateway=GATEWAY, book=book, now=START), **more)


def about(of: Case, **more: Any) -> About:
    return replace(About(of, GATEWAY, Kind.HUMAN, (), of.authentication, KNOWN), **more)


def test_the_document_lists_every_field_with_what_it_says() -> None:
    rows = {name: (meaning, bool(mark)) for name, mark, meaning, _ in ROW.findall(DOCUMENT.read_text())}
    said = {name: " ".join(((RULE_FIELDS.get(name) or FIELDS[name]).__doc__ or "").split()) for name in ALL_FIELDS}
    assert rows == {name: (words, name in OF_HISTORY) for name, words in said.items()}


def test_every_example_of_the_document_is_a_condition_on_its_field() -> None:
    for name, _, _, example in ROW.findall(DOCUMENT.read_text()):
        document = tomllib.loads(f'[[rule]]\nname = "r"\n{example}\nthen.tag = "x"\n')
        (rule,) = compile_rules([("r.toml", document, lambda place: 0)], {"suppliers": (), "bad-hosts": ()}).all
        assert document["rule"][0]["when"].keys() == {name}
        assert rule.name == "r"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("to_domain", ("x.test", "y.test")),
        ("cc_domain", ("z.test",)),
        ("reply_domain", ("other.example",)),
        ("rcpt_tag", ("shop",)),
        ("file_ending", ("pdf",)),
        ("file_count", ("1",)),
        ("list_id", ("people.lists.example",)),
        ("opening", ("dear friends, the order is here.",)),
        ("text", ("dear friends, the order is here.",)),
        ("language", ("en",)),
        ("tls", ("yes",)),
        ("listener", ("edge",)),
        ("client", ("192.0.2.7",)),
        ("time", ("09:00",)),
        ("open", ("yes",)),
        ("contact", ("trusted",)),
        ("contact_days", ("9",)),
        ("contact_proven", ()),
        ("contact_trust", ()),
        ("contact_begun", ()),
        ("report_status", ()),
        ("opinion", ()),
        ("forwarded_by", ()),
    ],
)
def test_a_field_gives_its_values(book: Rulebook, field: str, values: tuple[str, ...]) -> None:
    assert values_of(about(case(book)))(field) == values


def test_fields_of_what_others_say_and_what_was_before(book: Rulebook) -> None:
    opinions = (Opinion("rspamd", 7, ("BAYES_SPAM",)), Opinion("a.list", 0, ("X",), unknown="no answer"))
    known = replace(KNOWN, proven=True, trust=Trust.CONFIRMED)
    values = values_of(about(case(book, opinions=opinions, forwarded=("Alumni",)), known=known, begun=3))
    asked = ("opinion", "forwarded_by", "contact_proven", "contact_trust", "contact_begun")
    assert [values(field) for field in asked] == [("bayes_spam",), ("alumni",), ("yes",), ("confirmed",), ("3",)]


@pytest.mark.parametrize(
    ("at", "is_open", "time"),
    [
        (datetime(2026, 1, 5, 7, 59, tzinfo=UTC), "no", "08:59"),
        (datetime(2026, 1, 5, 8, 0, tzinfo=UTC), "yes", "09:00"),
        (datetime(2026, 1, 5, 16, 0, tzinfo=UTC), "no", "17:00"),
        (datetime(2026, 1, 10, 12, 0, tzinfo=UTC), "no", "13:00"),
    ],
)
def test_opening_hours_and_time_are_those_of_the_mailbox(book: Rulebook, at: datetime, is_open: str, time: str) -> None:
    opening = hours.parse(["mon-fri 09:00-17:00"], ZoneInfo("Europe/Berlin"), "Europe/Berlin")
    made = case(book, mailbox=Mailbox("support@g.test", "support", opening=opening))
    values = values_of(about(replace(made, accepted=replace(made.accepted, at=at))))
    assert (values("open"), values("time")) == ((is_open,), (time,))


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('when.client.network = ["192.0.2.0/24", "2001:db8::/32"]', True),
        ('when.client.network = "192.0.2.8"', False),
        ('when.client.network = "::/0"', False),
        ('when.helo.network = "0.0.0.0/0"', False),
        ('when.time = "> 08:59"', True),
        ('when.time = "> 09:00"', False),
        ("when.time.'<' = 09:30:00", True),
        ("when.date = 2026-01-05", True),
        ('when.subject = "> soon"', False),
    ],
)
def test_networks_times_and_days_are_compared(book: Rulebook, condition: str, holds: bool) -> None:
    document = tomllib.loads(f'[[rule]]\nname = "r"\n{condition}\nthen.tag = "x"\n')
    rules = compile_rules([("r.toml", document, lambda place: 0)], {})
    assert bool(list(rules.holding(values_of(about(case(book)))))) is holds


def asking(book: Rulebook, condition: str) -> Rulebook:
    document = tomllib.loads(f'[[rule]]\nname = "r"\n{condition}\nthen.tag = "x"\n')
    rules = compile_rules([("r.toml", document, lambda place: 0)], {})
    return changed(book, signals=changed(book.signals, rules=rules))


def test_the_text_of_mail_that_cannot_be_answered_is_read_where_a_rule_looks_at_it(book: Rulebook) -> None:
    unread = case(book, Level.A0)
    read_ = case(asking(book, 'when.text.contains = "order"'), Level.A0)

    assert (unread.text, unread.language) == ("", "")
    assert (read_.text.split()[0], read_.language) == ("Dear", "en")
    # Signals see no more than before: what a rule looks at changes nothing for others.
    assert FIELDS["opening"](read_, GATEWAY) == ()


def test_a_rule_looks_at_the_end_of_a_long_text_as_far_as_it_reaches(book: Rulebook) -> None:
    rules = asking(book, 'when.text.contains = "needle"').signals.rules
    text = "word " * 20_000
    near, far = f"{text[: LONGEST_LOOKED_AT - 10]} needle", f"{text[:LONGEST_LOOKED_AT]} needle"
    found = [bool(list(rules.holding(values_of(about(case(book, text=each)))))) for each in (near, far)]
    assert found == [True, False]
