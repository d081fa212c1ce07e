"""What a rule may do: `then` read and checked, and said in words.

then.queue = "billing"           then.priority = "high"       then.assign = "anne"       then.tag = ["invoice"]
then.hold = "why"                a person looks first         then.quiet = true          filed as a machine's mail is
then.trust = "once"              like a known sender, where the mail is proven
then.answer = "never"            nothing automatic; any other word is the name of a text for an answer that is granted
then.reject = "why"              the sender's own server is told 550 (edge listeners; elsewhere the mail is held)
then.score = 2.5                 points of spam
then.redirect = "a@example.com"  to an address of [rules] redirect_to, instead of the desk
then.webhook = "name"            of a [[webhook]]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailgate.judge import tags
from mailgate.judge.canonical import canonical
from mailgate.judge.ruling.rule import Acts
from mailgate.model import Priority
from mailgate.tables import Tables

LONGEST_TEXT = 300  # characters of a reason
LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, without the brackets
MOST_POINTS = 100.0
NEVER = "never"
ONCE = "once"
HELD = "a rule says so"
REFUSED = "This mail is not accepted here"  # what a sender's server is told where the rule has no words of its own

_KEYS = (
    *("queue", "priority", "assign", "tag", "hold", "quiet", "trust", "answer", "reject", "score"),
    *("redirect", "webhook"),
)


# Of two that cannot both be done the quieter one would win, and the other one would only mislead.
_AGAINST = (("hold", "quiet"), ("hold", "trust"), ("quiet", "trust"), ("hold", "redirect"))


def read(tables: Tables, rule: Mapping[str, Any]) -> Acts | None:
    """What stands under `then`; None where that has a fault, which `tables` then knows."""
    before = len(tables.faults)
    then = tables.section(rule, "then")
    if not then:
        tables.fault("then", rule.get("then"), f'what to do, such as then.queue = "billing": {", ".join(_KEYS)}')
        return None
    tables.unknown(then, _KEYS, "then.")
    reader = _Reader(tables, then)
    answer = reader.word("answer")
    done = Acts(
        queue=reader.word("queue"),
        priority=tables.one_of(then, "priority", Priority, "then."),
        tags=reader.tags("tag"),
        assignee=reader.word("assign"),
        hold=reader.reason("hold"),
        quiet=reader.flag("quiet"),
        trust=reader.only("trust", ONCE),
        never=answer == NEVER,
        template="" if answer == NEVER else answer,
        reject=reader.refusal("reject"),
        score=reader.points("score"),
        redirect=reader.address("redirect"),
        webhook=reader.word("webhook"),
    )
    reader.at_odds()
    return done if len(tables.faults) == before else None


def words(acts: Acts) -> str:
    """What is done, in words."""
    said = {
        "queue": acts.queue,
        "priority": acts.priority,
        "assign": acts.assignee,
        "tag": ", ".join(acts.tags),
        "hold": acts.hold,
        "quiet": acts.quiet,
        "trust": acts.trust and ONCE,
        "answer": NEVER if acts.never else acts.template,
        "reject": acts.reject,
        "score": acts.score and f"{acts.score:+g}",
        "redirect": acts.redirect,
        "webhook": acts.webhook,
    }
    return ", ".join(name if value in (True, HELD) else f"{name} {value}" for name, value in said.items() if value)


class _Reader:
    """Reads the values of one `then`."""

    def __init__(self, tables: Tables, then: Mapping[str, Any]) -> None:
        self.tables = tables
        self.then = then

    def word(self, key: str) -> str:
        """A short text, "" where it is not written."""
        return self._text(key, 100) if key in self.then else ""

    def reason(self, key: str) -> str:
        """A reason, or true for one without words; "" where it is not written."""
        if self.then.get(key) is True:
            return HELD
        return self._text(key, LONGEST_TEXT) if key in self.then else ""

    def refusal(self, key: str) -> str:
        """What a sender's server is told, or true for the usual words; "" where it is not written."""
        if self.then.get(key) is True:
            return REFUSED
        words = self._text(key, LONGEST_TEXT) if key in self.then else ""
        if not words.isascii():
            # RFC 5321 section 4.2: a reply is ASCII, and not every server shows it to whoever wrote.
            self.tables.fault(f"then.{key}", words, "words of ASCII letters: they stand in an SMTP reply")
        return words

    def address(self, key: str) -> str:
        """One mail address, "" where it is not written."""
        words = self._text(key, LONGEST_ADDRESS) if key in self.then else ""
        if words and not canonical(words):
            self.tables.fault(f"then.{key}", words, "one mail address, such as a@example.com")
        return words

    def flag(self, key: str) -> bool:
        """True, or not written."""
        return self._one(key, True, "true")

    def only(self, key: str, word: str) -> bool:
        """The one word that may stand there, or nothing."""
        return self._one(key, word, f'"{word}"')

    def points(self, key: str) -> float:
        """Points of spam, 0 where they are not written."""
        value = self.then.get(key, 0.0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST_POINTS:
            self.tables.fault(f"then.{key}", value, f"a number from -{MOST_POINTS:g} to {MOST_POINTS:g}")
            return 0.0
        return float(value)

    def tags(self, key: str) -> tuple[str, ...]:
        """One tag, or a list of them."""
        value = self.then.get(key, [])
        written = [value] if isinstance(value, str) else value
        if not isinstance(written, list) or len(written) > tags.MOST:
            self.tables.fault(f"then.{key}", value, f"at most {tags.MOST} tags")
            return ()
        for one in written:
            if not isinstance(one, str) or not tags.tag_of(one):
                self.tables.fault(f"then.{key}", one, tags.ALLOWED)
        return tuple(tags.tag_of(one) for one in written if isinstance(one, str))

    def at_odds(self) -> None:
        """Find fault with acts that go against each other."""
        for one, other in _AGAINST:
            if one in self.then and other in self.then:
                self.tables.fault_in_words(f"then.{other}", f"{other} beside {one}", "one of the two")
        for key in self.then if "reject" in self.then else ():
            if key not in ("reject", "score"):
                allowed = "only score; what is refused is no mail to do anything else with"
                self.tables.fault_in_words(f"then.{key}", f"{key} beside reject", allowed)

    def _one(self, key: str, wanted: object, allowed: str) -> bool:
        if key in self.then and self.then[key] != wanted:
            self.tables.fault(f"then.{key}", self.then[key], allowed)
        return self.then.get(key) == wanted

    def _text(self, key: str, most: int) -> str:
        value = self.then[key]
        if isinstance(value, str) and 0 < len(value.strip()) <= most and value.isprintable():
            return value.strip()
        self.tables.fault(f"then.{key}", value, f"a text of at most {most} characters")
        return ""
