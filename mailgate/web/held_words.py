"""The words of the page on which our own people decide about held mail, one table a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailgate.heldlinks import HeldPageState
from mailgate.model import Level


@dataclass(frozen=True, slots=True)
class HeldWords:
    """What one language says."""

    titles: Mapping[HeldPageState, str]
    lines: Mapping[HeldPageState, str]
    proof: Mapping[Level, str]
    since: str
    more: str  # of mails that are held of the same sender
    accept: str
    spam: str
    points: str  # before the points of spam
    trouble: str


HELD_WORDS: Mapping[str, HeldWords] = {
    "en": HeldWords(
        titles={
            HeldPageState.ASK: "What shall become of this mail?",
            HeldPageState.TOO_SOON: "Once more, please",
            HeldPageState.ACCEPTED: "Accepted",
            HeldPageState.SPAM: "Kept as spam",
            HeldPageState.GONE: "Already decided",
            HeldPageState.EXPIRED: "This link has expired",
            HeldPageState.UNKNOWN: "We do not know this link",
        },
        lines={
            HeldPageState.ASK: "Accept lets in all that is held of this sender, and trusts him. Spam stays kept, "
            "out of the way, and can be accepted later.",
            HeldPageState.TOO_SOON: "That came too quickly to be counted: programs that check links press buttons, "
            "too. Please press again.",
            HeldPageState.ACCEPTED: "It is ticket #{ticket} now, with all that was held of this sender.",
            HeldPageState.SPAM: "Nothing is lost: it can still be accepted, with `mailgate held accept`.",
            HeldPageState.GONE: "Somebody has decided about this mail before. You can close this page.",
            HeldPageState.EXPIRED: "The mail is still kept: `mailgate held list` shows it.",
            HeldPageState.UNKNOWN: "Perhaps it was not copied whole.",
        },
        proof={Level.A2: "proven by DKIM", Level.A1: "proven by SPF", Level.A0: "sender not proven"},
        since="since",
        more="mails of this sender are held",
        accept="Accept",
        spam="Spam",
        points="Points of spam",
        trouble="We cannot look at this mail right now. Nothing is lost: please try again in a minute.",
    ),
    "de": HeldWords(
        titles={
            HeldPageState.ASK: "Was soll mit dieser Mail geschehen?",
            HeldPageState.TOO_SOON: "Bitte noch einmal",
            HeldPageState.ACCEPTED: "Angenommen",
            HeldPageState.SPAM: "Als Spam aufgehoben",
            HeldPageState.GONE: "Schon entschieden",
            HeldPageState.EXPIRED: "Dieser Link ist abgelaufen",
            HeldPageState.UNKNOWN: "Diesen Link kennen wir nicht",
        },
        lines={
            HeldPageState.ASK: "Annehmen lässt alles herein, was von diesem Absender wartet, und vertraut ihm. Spam "
            "bleibt aufgehoben, aus dem Weg, und kann später noch herein.",
            HeldPageState.TOO_SOON: "Das kam zu schnell, um zu zählen: Auch Programme, die Links prüfen, drücken "
            "Knöpfe. Bitte noch einmal drücken.",
            HeldPageState.ACCEPTED: "Sie ist jetzt Ticket #{ticket}, mit allem, was von diesem Absender wartete.",
            HeldPageState.SPAM: "Nichts ist verloren: Mit `mailgate held accept` kommt sie noch herein.",
            HeldPageState.GONE: "Über diese Mail hat schon jemand entschieden. Diese Seite kann geschlossen werden.",
            HeldPageState.EXPIRED: "Die Mail ist noch da: `mailgate held list` zeigt sie.",
            HeldPageState.UNKNOWN: "Vielleicht wurde er nicht ganz kopiert.",
        },
        proof={Level.A2: "bewiesen durch DKIM", Level.A1: "bewiesen durch SPF", Level.A0: "Absender nicht bewiesen"},
        since="seit",
        more="Mails dieses Absenders warten",
        accept="Annehmen",
        spam="Spam",
        points="Spam-Punkte",
        trouble="Wir können diese Mail gerade nicht ansehen. Nichts ist verloren: Bitte in einer Minute noch einmal.",
    ),
}
