"""Reports that nobody here wrote, from other projects' tests: how many are understood. They are no part of this one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from mailgate.mail.parse import read
from mailgate.mail.report import Report, report_of, with_report
from mailgate.rulebook import load, shipped_folder
from tests.corpora import CORPORA, needs

INDEX = CORPORA / "index.jsonl"
# RFC 3463: the codes that mean what other projects call so.
MEANING = {
    "userunknown": ("1.0", "1.1", "1.10", "2.1", "1.6", "4.1"),
    "mailboxfull": ("2.2",),
    "hostunknown": ("1.2", "4.4"),
    "mesgtoobig": ("3.4", "2.3"),
    "expired": ("4.1", "4.7"),
}

pytestmark = needs("index.jsonl")


@dataclass(frozen=True)
class Read:
    """One mail of the corpora as it is understood."""

    path: str
    expected: str  # the reason that its project expects, "" where it says none
    report: Report | None
    actions: tuple[str, ...]


@cache
def bounces() -> tuple[Read, ...]:
    return tuple(_read("bounce"))


def _read(label: str) -> Iterator[Read]:
    forms = load(shipped_folder()).reports
    for line in INDEX.read_text().splitlines():
        row = json.loads(line)
        path = CORPORA / row["path"]
        if row["label"] != label or row.get("dup_of") or not path.is_file():
            continue
        raw = path.read_bytes()
        mail, parts = read(raw)
        paths = mail.headers.get("return-path", ())
        author = mail.authors[0].address if mail.authors else ""
        mail_from = paths[0].strip().removeprefix("<").partition(">")[0] if paths else author
        actions = with_report(raw, mail, parts, forms, mail_from).report_actions
        expected = next(iter(row.get("expected_reason") or ()), "")
        yield Read(row["path"], expected, report_of(raw, mail, forms, mail_from), actions)


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_nearly_every_bounce_is_known_as_a_report() -> None:
    assert share([one.report is not None for one in bounces()]) >= 0.99


def test_nearly_every_bounce_names_a_recipient_and_a_status() -> None:
    fates = [one.report.recipients if one.report else () for one in bounces()]
    assert share([bool(told) and all("@" in fate.address and fate.status for fate in told) for told in fates]) >= 0.98


def test_most_bounces_name_the_mail_they_are_about() -> None:
    assert share([bool(one.report and one.report.original_message_id) for one in bounces()]) >= 0.85


def test_a_report_about_the_failed_is_no_delay() -> None:
    late = [one for one in bounces() if "delayed" in one.actions and "failed" not in one.actions]
    assert share([one.expected in ("", "expired", "requireptr", "mailboxfull", "mailererror") for one in late]) == 1
    assert len(late) / len(bounces()) <= 0.05


def test_the_status_says_what_other_projects_found() -> None:
    told = [
        fate.status.partition(".")[2] in MEANING[one.expected]
        for one in bounces()
        if one.expected in MEANING and one.report
        for fate in one.report.recipients[:1]
    ]
    assert share(told) >= 0.9


def test_lists_and_people_send_no_bounces() -> None:
    said = {one.actions for one in _read("human")} | {one.actions for one in _read("list")}
    assert said == {()}
