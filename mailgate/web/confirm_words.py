"""The words of the confirmation page, one table a language. A language more is a table more, here and in TROUBLE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailgate.model import PageState

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """What one page says. Without a `button` there is nothing left to press."""

    title: str
    lines: tuple[str, ...]
    button: str = ""


WORDS: Mapping[str, Mapping[PageState, Words]] = {
    "en": {
        PageState.ASK: Words(
            "Did you write to us?",
            (
                "Press the button if the mail is yours. It then goes straight to the people it is meant for, and so "
                "does what you write later.",
                "If you did not write to us, close this page: nothing will happen.",
            ),
            "Yes, I wrote it",
        ),
        PageState.DONE: Words(
            "Done. Thank you!",
            ("Your mail is on its way to the people it is meant for.", "You can close this page."),
        ),
        PageState.TOO_SOON: Words(
            "Once more, please",
            (
                "That came too quickly to be counted: programs that check links press buttons, too.",
                "Please wait a few seconds, then press the button again.",
            ),
            "Yes, I wrote it",
        ),
        PageState.EXPIRED: Words(
            "This link has expired",
            ("Your mail is still kept, and a person decides about it.", "You need not write again."),
        ),
        PageState.ACCEPTED: Words(
            "Already accepted",
            ("A person has already accepted your mail.", "You can close this page."),
        ),
        PageState.UNKNOWN: Words(
            "We do not know this link",
            (
                "Perhaps it was not copied whole.",
                "You can also simply answer the mail in which it stood; that confirms just as well.",
            ),
        ),
    },
    "de": {
        PageState.ASK: Words(
            "Haben Sie uns geschrieben?",
            (
                "Drücken Sie den Knopf, wenn die E-Mail von Ihnen ist. Sie geht dann sofort an die Menschen, für die "
                "sie bestimmt ist, und ebenso alles, was Sie später schreiben.",
                "Wenn Sie uns nicht geschrieben haben, schließen Sie diese Seite: Es geschieht nichts.",
            ),
            "Ja, sie ist von mir",
        ),
        PageState.DONE: Words(
            "Erledigt. Vielen Dank!",
            (
                "Ihre E-Mail ist unterwegs zu den Menschen, für die sie bestimmt ist.",
                "Sie können diese Seite schließen.",
            ),
        ),
        PageState.TOO_SOON: Words(
            "Bitte noch einmal",
            (
                "Das kam zu schnell, um zu zählen: Auch Programme, die Links prüfen, drücken Knöpfe.",
                "Bitte warten Sie einige Sekunden und drücken Sie dann noch einmal.",
            ),
            "Ja, sie ist von mir",
        ),
        PageState.EXPIRED: Words(
            "Dieser Link ist abgelaufen",
            (
                "Ihre E-Mail ist noch da, und ein Mensch entscheidet darüber.",
                "Sie brauchen nicht noch einmal zu schreiben.",
            ),
        ),
        PageState.ACCEPTED: Words(
            "Schon angenommen",
            ("Ein Mensch hat Ihre E-Mail bereits angenommen.", "Sie können diese Seite schließen."),
        ),
        PageState.UNKNOWN: Words(
            "Diesen Link kennen wir nicht",
            (
                "Vielleicht wurde er nicht ganz kopiert.",
                "Sie können auch einfach auf die E-Mail antworten, in der er stand; das gilt ebenso.",
            ),
        ),
    },
}

# While the store is in trouble.
TROUBLE: Mapping[str, Words] = {
    "en": Words(
        "One moment, please",
        ("We cannot look at this link right now.", "Nothing is lost: please try again in a minute."),
    ),
    "de": Words(
        "Einen Augenblick, bitte",
        (
            "Wir können diesen Link gerade nicht prüfen.",
            "Nichts ist verloren: Bitte versuchen Sie es in einer Minute noch einmal.",
        ),
    ),
}
