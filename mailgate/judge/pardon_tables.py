"""The `[[forwarder]]` and `[[channel]]` tables of the rule files, checked and made ready like the signals.

They speak of signals by their ids, so they are read after all of those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mailgate.domains import a_label
from mailgate.errors import ConfigError
from mailgate.judge.canonical import canonical
from mailgate.judge.conditions import READS, Condition, Read, matcher
from mailgate.judge.pardons import Channel, Pardons, Says, Way
from mailgate.judge.rules import CONDITION, HEADER, Document, Reader, Signal, Signals
from mailgate.judge.wordlists import Words
from mailgate.model import Kind, Preset, Strength
from mailgate.tables import nearest

MOST_WAYS = 200
MOST_CHANNELS = 5000
LONGEST_VALUE = 500  # characters of a channel's value

_WAY = CONDITION | {
    *("id", "preset", "also", "unless", "names", "domain", "names_only", "first_to", "hides", "alone", "beside"),
    *("forgives", "says", "source", "note"),
}
_CHANNEL = frozenset({"sender", "domain", "header", "value", "is", "why"})

# What a channel forgives speaks of names, subjects and header fields.
SPOKEN = frozenset(
    {
        *("mail_from_local", "from_local", "sender_local", "sender_relation"),
        *("from_domain", "to_local", "subject", "bare_subject", "ours_named", "recipients_named"),
    }
)
FORGIVEN_KINDS = frozenset({None, Kind.LIST, Kind.BULK, Kind.SYSTEM})
FORGIVEN_STRENGTHS = frozenset({Strength.STRONG, Strength.HINT, Strength.WEAK})


def with_pardons(
    signals: Signals,
    words: Words,
    forwarders: Sequence[Document],
    channels: Sequence[Document],
    switched_off: Collection[str] = (),
) -> Signals:
    """The signals with what the rule files forgive; `words` are the lists that conditions may name.

    A forwarder may also name signals that are `switched_off`: there is nothing to forgive then.

    Raises:
        ConfigError: with every fault of every file.
    """
    ways, said = _WayReader(words, signals, switched_off), _ChannelReader(words)
    for document in forwarders:
        ways.document(*document)
    for document in channels:
        said.document(*document)
    if faults := [*ways.faults, *said.faults]:
        raise ConfigError(faults)
    return replace(
        signals,
        pardons=Pardons(
            ways={preset: tuple(way for way in ways.ways if way.preset == preset) for preset in Preset},
            channels=_by_name(said.channels),
            by_channel=frozenset(signal.id for signal in signals.all if _a_channel_forgives(signal)),
        ),
    )


def _by_name(channels: Iterable[Channel]) -> dict[str, tuple[Channel, ...]]:
    found: dict[str, tuple[Channel, ...]] = {}
    for channel in channels:
        name = channel.sender or channel.domain
        found[name] = (*found.get(name, ()), channel)
    return found


def _a_channel_forgives(signal: Signal) -> bool:
    """Is it about names, subjects and header fields, and no proof of a loop, a report or an automatic reply?"""
    spoken = all(name.startswith(HEADER) or name in SPOKEN for name in signal.condition.fields)
    only_names_a_kind = signal.strength is Strength.DECISIVE and signal.kind is not None
    weighs = only_names_a_kind or signal.strength in FORGIVEN_STRENGTHS
    return spoken and weighs and signal.kind in FORGIVEN_KINDS and not signal.firm


class _WayReader(Reader):
    """Reads `[[forwarder]]` tables."""

    name = "forwarder"
    most = MOST_WAYS

    def __init__(self, words: Words, signals: Signals, switched_off: Collection[str]) -> None:
        super().__init__(words)
        self.ways: list[Way] = []
        self.known = frozenset({*(signal.id for signal in signals.all), *switched_off})
        self.rules = {signal.id: signal.rule for signal in signals.all}

    def table(self, table: Mapping[str, Any]) -> None:
        before = len(self.faults)
        self.unknown(table, _WAY)
        name, says = self.text(table, "id"), self.text(table, "says")
        self.text(table, "source")
        preset = self.needed(table, "preset", Preset)
        condition = self.condition(table, "")
        also, unless = self.conditions(table, "also"), self.conditions(table, "unless")
        names, domain, only, first_to = (
            self.fields(table, key) for key in ("names", "domain", "names_only", "first_to")
        )
        hides = tuple(name.removeprefix(HEADER) for name in self.headers(table, "hides"))
        forgives, beside = self.signals(table, "forgives"), self.signals(table, "beside")
        alone, rule = self.flag(table, "alone"), self.named(name)
        if len(self.faults) > before or condition is None or preset is None:
            return
        self.ways.append(
            Way(
                id=name,
                preset=preset,
                condition=condition,
                also=also,
                unless=unless,
                names=names,
                domain=domain,
                names_only=only,
                first_to=first_to,
                hides=hides,
                alone=alone,
                beside=beside,
                forgives=forgives,
                says=says,
                rule=rule,
            )
        )

    def fields(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        names = self.texts(table, key)
        for name in names:
            self.field(name, key)
        return names

    def headers(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        names = self.fields(table, key)
        for name in names:
            if not name.startswith(HEADER) or name.endswith("*"):
                self.fault(key, name, 'whole "header:name" fields')
        return names

    def signals(self, table: Mapping[str, Any], key: str) -> frozenset[str]:
        ids = self.texts(table, key)
        for name in ids:
            if name not in self.known:
                self.fault(key, name, "ids of signals", nearest(name, self.known))
        return frozenset(ids)


class _ChannelReader(Reader):
    """Reads `[[channel]]` tables."""

    name = "channel"
    most = MOST_CHANNELS

    def __init__(self, words: Words) -> None:
        super().__init__(words)
        self.channels: list[Channel] = []

    def table(self, table: Mapping[str, Any]) -> None:
        before = len(self.faults)
        self.unknown(table, _CHANNEL)
        sender, domain = self.sender(table), self.domain(table)
        condition, says, why = self.header(table), self.needed(table, "is", Says), self.text(table, "why")
        if not {"sender", "domain", "header"} & table.keys():
            self.fault("", None, "a sender, a domain or a header")
        if len(self.faults) > before or says is None:
            return
        self.channels.append(Channel(sender, domain, condition, says, why, f"{self.file}:{self.line}"))

    def sender(self, table: Mapping[str, Any]) -> str:
        if "sender" not in table:
            return ""
        if "domain" in table:
            self.fault("domain", table["domain"], "a sender or a domain, not both")
        found = canonical(self.text(table, "sender"))
        if table["sender"] and not found:
            self.fault("sender", table["sender"], "a mail address such as noreply@shop.example")
        return found

    def domain(self, table: Mapping[str, Any]) -> str:
        if "domain" not in table:
            return ""
        written = self.text(table, "domain")
        found = a_label(written.strip().lstrip("@").lower())
        if written and (not found or "@" in found or "*" in found):
            self.fault("domain", written, "a domain such as shop.example, which takes all below it along")
        return found

    def header(self, table: Mapping[str, Any]) -> Condition | None:
        """The header field that a mail of the channel has, with the value it has; `*` stands for anything."""
        if "header" not in table:
            if "value" in table:
                self.fault("value", table["value"], "a value only beside a header")
            return None
        field = f"{HEADER}{self.text(table, 'header').strip().rstrip(':').lower()}"
        self.field(field, "header")
        value = self.text(table, "value") if "value" in table else "*"
        if len(value) > LONGEST_VALUE:
            self.fault("value", value, f"a text of at most {LONGEST_VALUE} characters")
            return None
        return Condition((field,), READS[Read.TEXT], matcher("glob", [value]))
