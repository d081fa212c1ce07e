"""The signs by which a mail without the form of a report is one, and what it says became of the mail it is about.

People write of bounces, answer them, forward them and send them along; only signs that are independent of one another
and agree make a report. Those that cost nothing come first: where none of them is there, the text is not looked at.
"""

from __future__ import annotations

from msgspec import Struct

from mailgate.mail.report.forms import ACTIONS, Forms
from mailgate.mail.report.notice import Notice, has_reply, names_somebody
from mailgate.model import Mail

FEWEST = 3  # signs that make a report
FIRST_LINES = 2  # a report begins as one; people first say what they want
_OTHER = frozenset({"displayed", "complaint"})  # said by reports that are not about delivery


class Outside(Struct, frozen=True):
    """What envelope and header say."""

    sender: int  # 2: only mail systems send so; 1: they and the people who run them; 0: anybody
    subject: frozenset[str]  # what the phrases say that the subject begins with, "" among them for no fate
    marked: bool  # carries what only reports carry

    @property
    def suspicious(self) -> bool:
        """May the mail be a report, so that its text is worth a look?"""
        return bool(self.sender or self.subject or self.marked)


class Signs(Struct, frozen=True):
    """What the text says as well. Each set is of what phrases say, "" among them for no fate."""

    outside: Outside
    opens: frozenset[str]  # the first lines
    at_once: frozenset[str]  # the very first ones
    encloses: bool  # another mail is a part of this one
    returns: bool  # another mail stands in the text
    cites: bool  # a mail server is cited
    names: bool  # somebody's address stands where reports name who was not reached
    marks: bool  # the other mail bears what only reports put on it

    @property
    def said(self) -> str:
        """What became of the mail, one of `SAYS`, "" where no words tell; the text counts before the subject."""
        if self._displays or self._complains:
            return "displayed" if self._displays else "complaint"
        for found in (self.opens, self.outside.subject):
            if first := next((says for says in ACTIONS if says in found), ""):
                return first
        return ""

    @property
    def agree(self) -> bool:
        """Do enough of them say that this is a report?"""
        return self.said in _OTHER or self._tells_of_delivery

    @property
    def _displays(self) -> bool:
        return "displayed" in self.at_once and "displayed" in self.outside.subject

    @property
    def _complains(self) -> bool:
        """A complaint comes with the mail complained about; people complain too, and are to be heard."""
        subject, at_once = "complaint" in self.outside.subject, "complaint" in self.at_once
        if self.outside.marked:
            return subject or at_once
        return self._returned and (at_once or (subject and (self.outside.sender > 0 or self.marks)))

    @property
    def _returned(self) -> bool:
        return self.encloses or self.returns

    @property
    def _tells_of_delivery(self) -> bool:
        outside, opens = self.outside, bool(self.opens - _OTHER)
        subject = bool(outside.subject - _OTHER)
        first = bool(self.at_once - _OTHER)
        named = first and self.names
        if outside.sender + subject + outside.marked + opens + named + self._returned + self.cites < FEWEST:
            return False
        if self.said == "delivered" and self.said not in outside.subject:
            return False  # help desks say so of what they have received
        if outside.sender == 2 or outside.marked:
            return subject or (opens and (self._returned or self.cites or self.names)) or (self.encloses and self.cites)
        # A person who writes of a bounce uses its words and may even send it along, but begins with words of his own.
        return first or (outside.sender > 0 and subject and (opens or self._returned))


def outside_of(mail: Mail, forms: Forms, mail_from: str | None) -> Outside:
    """The signs that cost nothing; `mail_from` is the reverse-path, None where nobody knows it."""
    return Outside(
        sender=_sender(mail, forms, mail_from),
        subject=_certain(forms.subjects.said(mail.subject)),
        marked=mail.content_type == "multipart/report" or not forms.headers.isdisjoint(mail.headers),
    )


def signs_of(mail: Mail, outside: Outside, notice: Notice, forms: Forms) -> Signs:
    """All signs."""
    authors = {author.address.lower() for author in mail.authors}
    said = [_certain(forms.openings.said(line)) for line in notice.opening()]
    return Signs(
        outside=outside,
        opens=frozenset().union(*said),
        at_once=frozenset().union(*said[:FIRST_LINES]),
        encloses=notice.encloses,
        returns=bool(notice.returned),
        cites=has_reply(notice),
        names=names_somebody(notice, forms, authors),
        marks=any(line.partition(":")[0].lower() in forms.headers for line in (*notice.lines, *notice.returned)),
    )


def _certain(said: frozenset[str]) -> frozenset[str]:
    """What one line says: "could not be delivered for more than 4 hours" begins like a failure and is a delay."""
    return said - {"failed"} if "delayed" in said else said


def _sender(mail: Mail, forms: Forms, mail_from: str | None) -> int:
    if mail_from == "" and forms.daemons:
        return 2
    names = [_local(author.address) for author in mail.authors]
    if mail_from:
        names.append(_local(mail_from))
    if not mail.authors and (written := next(iter(mail.headers.get("from", ())), "")):
        names.append(written.rpartition("<")[2].strip(' <>"').lower())  # old systems leave the domain out
    if not forms.daemons.isdisjoint(names):
        return 2
    return 0 if forms.offices.isdisjoint(names) else 1


def _local(address: str) -> str:
    lower = address.lower()
    return lower.rpartition("@")[0] or lower
