"""Fields for how a mail is made: its words, links, pictures and files, and what its header fields look like.

Those of the body give no value where nobody looked at it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

import re2

from mailgate.judge.canonical import canonical, domain_of
from mailgate.model import Case, Gateway

Values = tuple[str, ...]

LEAST_LETTERS = 8  # of a subject that is all in capitals
MOST_LOOKED_AT = 20  # Received fields

_ADDRESS = re2.compile(r"(?i)[a-z0-9._%+-]{1,64}@((?:[a-z0-9-]{1,63}\.)+[a-z]{2,24})")
_SPACED = re2.compile(r"(?i)(?:^|\s)(?:[a-z][ .*_-]){4,}[a-z](?:\s|$)")
_TRAILING_CODE = re2.compile(r"(?:\s{3,}|\t)\S{3,}\s*$|\s{6,}")
_ID = re2.compile(r"^<[^<>\s@]+@[^<>\s@]+>$")
_FUTURE_S = 24 * 3600


def _text(case: Case, gateway: Gateway) -> Values:
    """The beginning of what people read in it, on one line."""
    return (" ".join(_unified(case.shape.words).split()),) if case.shape and case.shape.words else ()


def _text_chars(case: Case, gateway: Gateway) -> Values:
    """How many characters people can read in it."""
    return (str(case.shape.text_chars),) if case.shape else ()


def _html_only(case: Case, gateway: Gateway) -> Values:
    """Is there HTML, and no plain text beside it?"""
    return ("yes",) if case.shape and case.shape.html_only else ()


def _link_count(case: Case, gateway: Gateway) -> Values:
    """How many links to the web it has."""
    return (str(case.shape.links),) if case.shape else ()


def _link_host(case: Case, gateway: Gateway) -> Values:
    """The hosts that its links lead to."""
    return case.shape.hosts if case.shape else ()


def _link_disguised(case: Case, gateway: Gateway) -> Values:
    """Links whose words name one host and that lead to another: "shop.example > other.test"."""
    return case.shape.disguised if case.shape else ()


def _link_elsewhere(case: Case, gateway: Gateway) -> Values:
    """Do all its links lead away from its author's organization?"""
    author = case.mail.author
    if case.shape is None or author is None or not case.shape.hosts:
        return ()
    home = domain_of(author.address)
    return ("yes",) if all(domain_of(f"@{host}") != home for host in case.shape.hosts) else ("no",)


def _picture_count(case: Case, gateway: Gateway) -> Values:
    """How many pictures its HTML shows."""
    return (str(case.shape.pictures),) if case.shape else ()


def _body_sign(case: Case, gateway: Gateway) -> Values:
    """What is odd in how it is made: form, script, hidden-words, numeric-link and so on."""
    return case.shape.signs if case.shape else ()


def _archived_file(case: Case, gateway: Gateway) -> Values:
    """The names of files inside an archive that it carries."""
    return case.shape.archived if case.shape else ()


def _name_address(case: Case, gateway: Gateway) -> Values:
    """Addresses that stand in the author's name and are not his own organization's."""
    author = case.mail.author
    if author is None or "@" not in author.name:
        return ()
    home = domain_of(author.address)
    found = (one.group() for one in _ADDRESS.finditer(author.name))
    return tuple(name.lower() for name in found if domain_of(canonical(name)) != home)


def _from_sign(case: Case, gateway: Gateway) -> Values:
    """Is the author's name left out (nameless)?"""
    author = case.mail.author
    return ("nameless",) if author is not None and not author.name.strip() else ()


def _reply_relation(case: Case, gateway: Gateway) -> Values:
    """Where it wants its answers: at the author's own address (same), his organization, or another one (other)."""
    author = case.mail.author
    if author is None or not case.mail.reply_to:
        return ()
    here, wanted = canonical(author.address), [canonical(one.address) for one in case.mail.reply_to]
    if all(one == here for one in wanted):
        return ("same",)
    home = domain_of(here)
    return ("organization",) if all(domain_of(one) == home for one in wanted) else ("other",)


def _reply_domain(case: Case, gateway: Gateway) -> Values:
    """The domains where it wants its answers."""
    return tuple(dict.fromkeys(domain_of(canonical(one.address)) for one in case.mail.reply_to[:MOST_LOOKED_AT]))


def _subject_sign(case: Case, gateway: Gateway) -> Values:
    """What is odd in its subject: capitals, spaced, trailing-code, unreadable, empty."""
    subject = case.mail.subject.strip()
    if not subject:
        return ("empty",)
    found = []
    letters = [char for char in case.bare_subject if char.isalpha()]
    if len(letters) >= LEAST_LETTERS and all(char.isupper() for char in letters):
        found.append("capitals")
    if _SPACED.search(subject):
        found.append("spaced")
    if _TRAILING_CODE.search(case.mail.headers.get("subject", ("",))[0]):
        found.append("trailing-code")
    if "\ufffd" in subject or not case.mail.headers.get("subject", ("",))[0].isascii():
        found.append("unreadable")
    return tuple(found)


def _message_id_sign(case: Case, gateway: Gateway) -> Values:
    """What is odd in its Message-ID: missing, malformed, of a host without a domain, or given on the way."""
    written = case.mail.message_id
    if not written:
        return ("missing",)
    if not _ID.search(written):
        return ("malformed",)
    local, _, host = written.strip("<>").rpartition("@")
    if "." not in host and not host.startswith("["):
        return ("bare-host",)
    return ("given",) if _given_on_the_way(local.lower(), host.lower(), case) else ()


def _given_on_the_way(local: str, host: str, case: Case) -> bool:
    """Did a relay make it up, from the very id under which it had the mail? Then its author's program gave none."""
    author = case.mail.author
    return (
        author is not None
        and any(_had(local, host, value.lower()) for value in case.mail.headers.get("received", ())[:MOST_LOOKED_AT])
        and domain_of(author.address) != domain_of(f"@{host}")
    )


def _had(local: str, host: str, received: str) -> bool:
    """Does a line of its way say that `host` had it under an id that stands in `local`?"""
    words = received.split() if host in received else []
    return host in words and "id" in words[:-1] and words[words.index("id") + 1].rstrip(";") in local


def _date_sign(case: Case, gateway: Gateway) -> Values:
    """What is odd in its Date: missing or unreadable (none), or more than a day ahead of its arrival (ahead)."""
    if case.mail.date is None:
        return ("none",)
    return ("ahead",) if (case.mail.date - case.accepted.at).total_seconds() > _FUTURE_S else ()


def _to_sign(case: Case, gateway: Gateway) -> Values:
    """What is odd in whom it names: nobody (none), or a row of people of one name at many places (harvested)."""
    named = [one.address.lower().rpartition("@")[0] for one in (*case.mail.to, *case.mail.cc)]
    if not named:
        return ("none",)
    return ("harvested",) if len(named) > len(set(named)) + 1 else ()


def _unified(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).lower()


MAKING_FIELDS: Mapping[str, Callable[[Case, Gateway], Values]] = {
    "body_text": _text,
    "text_chars": _text_chars,
    "html_only": _html_only,
    "link_count": _link_count,
    "link_host": _link_host,
    "link_disguised": _link_disguised,
    "link_elsewhere": _link_elsewhere,
    "picture_count": _picture_count,
    "body_sign": _body_sign,
    "archived_file": _archived_file,
    "name_address": _name_address,
    "from_sign": _from_sign,
    "reply_relation": _reply_relation,
    "reply_domain": _reply_domain,
    "subject_sign": _subject_sign,
    "message_id_sign": _message_id_sign,
    "date_sign": _date_sign,
    "to_sign": _to_sign,
}
