"""Ground: what the `[[rule]]` tables of the rule files say of one mail, and what others outside think of it."""

from __future__ import annotations

from msgspec import Struct

from mailgate.model.known import Routed


class Hit(Struct, frozen=True):
    """A rule whose conditions hold for the mail."""

    rule: str  # its name
    place: str  # "70-ours.toml:42"
    says: str  # what it does, in words: "queue billing, tag invoice"
    saw: tuple[str, ...] = ()  # what each of its conditions met: 'subject contains: "your invoice 17"'
    shadow: bool = False  # it is only watched, and does nothing


class Ruling(Struct, frozen=True):
    """All that rules say of a mail together. A reason names the rule and its place; "" where no rule says so."""

    routed: Routed = Routed()
    hold: str = ""  # a person looks first
    quiet: str = ""  # filed as a machine's mail is
    trust: str = ""  # taken as from a known sender this once, where it is proven
    silent: str = ""  # nothing automatic ever answers it
    reject: str = ""  # what the sender's server is told
    rejected_by: str = ""
    score: float = 0.0  # points of spam, added to those of the mail
    redirect: str = ""  # the address that gets it instead of the desk
    redirected_by: str = ""
    hooked_by: str = ""  # handed to a webhook
    hits: tuple[Hit, ...] = ()  # of all rules that hold, shadow ones among them, in the order of the files


class Opinion(Struct, frozen=True):
    """What one judge outside thinks of a mail."""

    judge: str  # "rspamd", or the zone of a DNS list
    points: float  # of spam, as he counts them; 0 where he knows nothing
    says: tuple[str, ...] = ()  # his reasons: names of symbols, the code of a list
    unknown: str = ""  # why he could not be heard, "" where he was
