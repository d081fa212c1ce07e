# Long because every key that may stand in the file is declared here, with all that is checked of it.
"""Faces: the one configuration file, checked whole before anything starts. Knows no room, only shapes and ranges.

`load` gives frozen `Settings` or raises ConfigError with every fault at once. The description of each field says what
is allowed there, with its unit; faults show it, and a test sees that config.example.toml says the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError
from pydantic_core import ErrorDetails

from mailgate import model
from mailgate.config import tomlfile
from mailgate.config.faults import MAX_SHOWN_CHARS, across_tables, key_of, shown
from mailgate.config.pointing import pointed
from mailgate.config.shapes import (
    NO_CREDENTIALS,
    AtLeastOne,
    Bind,
    Codes,
    HostName,
    Hours,
    HttpUrl,
    MailAddress,
    MaybeAddress,
    MaybeFile,
    MaybeHostName,
    MaybeHttpUrl,
    MaybeRelay,
    MaybeSecretFile,
    MaybeWebBind,
    MaybeWebUrl,
    Minutes,
    Network,
    Resolver,
    SecretFile,
    Senders,
    StoreUrl,
    Text,
    Upstream,
    Zone,
    minute_of,
    zone_of,
)
from mailgate.config.tomlfile import Place, TomlFile
from mailgate.errors import ConfigError, Fault
from mailgate.judge import hours
from mailgate.judge.canonical import canonical

# A table that is not written down is an empty one; defaults are checked, so it fills itself like one.
_ABSENT: Any = {}


class Table(BaseModel):
    """What all tables of the file share: unknown keys are faults, values never change, defaults are checked too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class GatewayTable(Table):
    """[gateway]: who we are."""

    name: HostName = Field(description="a host name such as mx.example.com")
    key_file: SecretFile = Field(
        Path("var/mailgate.keys"), description='a file made by `mailgate keys init`, or "credential:NAME"'
    )


class MailboxTable(Table):
    """[[mailbox]]: an address customers write to."""

    address: MailAddress = Field(description="a mail address such as support@example.com, each only once")
    queue: Text = Field("support", description="a word of your own, at most 100 characters")
    mode: model.Mode = Field(model.Mode.GUARDED, description='"open", "guarded" or "off"')
    name: Text = Field("", description="a name, at most 100 characters")
    hours: Hours = Field((), description=hours.ALLOWED)
    timezone: Zone = Field("UTC", description='a name of the tz database such as "Europe/Berlin"')
    answer_within_h: StrictInt = Field(0, ge=0, le=720, description="hours, 0 (nothing is promised) to 720")
    spam_from: float = Field(5.0, ge=0.5, le=1000, strict=True, description="points, 0.5 to 1000 (never)")

    def as_mailbox(self) -> model.Mailbox:
        """The mailbox as every part knows it."""
        opening = hours.parse(self.hours, zone_of(self.timezone), self.timezone)
        return model.Mailbox(
            self.address, self.queue, self.mode, self.name, opening, self.answer_within_h, self.spam_from
        )


class ListenerTable(Table):
    """[[listener]]: where mail comes in."""

    bind: Bind = Field(description='"ADDRESS:PORT" (IPv6 in brackets) or "unix:PATH", each only once')
    protocol: model.Protocol = Field(model.Protocol.SMTP, description='"smtp" or "lmtp"')
    role: model.Role | None = Field(None, description='"edge" or "behind"')
    proxies: tuple[Network, ...] = Field((), description='networks such as "192.0.2.0/24"')
    xclient: tuple[Network, ...] = Field((), description='networks such as "192.0.2.0/24"')
    tls_cert: MaybeSecretFile = Field(
        None, description='a file in PEM with the whole chain, or "credential:NAME", together with tls_key'
    )
    tls_key: MaybeSecretFile = Field(None, description='a file in PEM, or "credential:NAME", together with tls_cert')

    @property
    def peer_role(self) -> model.Role:
        """Who speaks here: as configured, else the sender's own server over SMTP and our own MTA over LMTP."""
        return self.role or (model.Role.EDGE if self.protocol is model.Protocol.SMTP else model.Role.BEHIND)


class ForwarderTable(Table):
    """[[forwarder]]: a service whose forwarding we know."""

    preset: model.Preset = Field(description='"microsoft365", "google" or "alias"')
    delivers: tuple[MailAddress, ...] = Field((), description="mail addresses; [] are those of all mailboxes")
    networks: tuple[Network, ...] = Field((), description='networks such as "192.0.2.0/24"')
    arc_sealers: tuple[HostName, ...] = Field((), description="domains as they stand in d= of ARC-Seal")


class StoreTable(Table):
    """[store]: where everything is kept."""

    url: StoreUrl = Field(
        "sqlite:///var/mailgate.db", description='"sqlite:///FILE" or "postgresql://USER@HOST[:PORT]/DATABASE"'
    )
    password_file: MaybeSecretFile = Field(
        None, description='a file whose first line is the password of the database, or "credential:NAME"'
    )
    reserve_bytes: StrictInt = Field(268_435_456, ge=0, le=1_099_511_627_776, description="bytes, 0 to 1099511627776")


class OutboundTable(Table):
    """[outbound]: how mail leaves."""

    relay: MaybeRelay = Field("", description='"HOST:PORT", or "" to deliver by MX')
    tls: Literal["opportunistic", "required", "none"] = Field(
        "opportunistic", description='"opportunistic", "required" or "none"'
    )
    user: Text = Field("", description="a name, together with relay and password_file")
    password_file: MaybeSecretFile = Field(
        None, description='a file whose first line is the password, or "credential:NAME", together with user'
    )
    bounce_domain: MaybeHostName = Field("", description='a domain whose mail comes to us, or ""')
    dkim_selector: HostName = Field("mg1", description="a DNS label")
    id_domain: MaybeHostName = Field("", description='a domain, together with relay, or ""')

    @property
    def relay_host(self) -> str:
        """The name of the relay without its port, "" where mail goes by MX."""
        return self.relay.rpartition(":")[0].strip("[]")


class DnsTable(Table):
    """[dns]: whom to ask."""

    resolvers: tuple[Resolver, ...] = Field((), description='"ADDRESS" or "ADDRESS:PORT" each; [] asks the system\'s')


class AuthenticationTable(Table):
    """[authentication]: whose word on the sender counts."""

    trusted_authserv_ids: tuple[Text, ...] = Field((), description="names as they stand in Authentication-Results")
    trusted_upstreams: tuple[Upstream, ...] = Field((), description='networks such as "192.0.2.0/24", and "unix"')
    assume: Literal["", "pass"] = Field(
        "", description='"", or "pass" where every listener and the relay are on loopback'
    )


class RepliesTable(Table):
    """[replies]: what mailgate may send on its own."""

    dry_run: StrictBool = Field(False, description="true or false")
    ack_delay_s: StrictInt = Field(0, ge=0, le=3600, description="seconds, 0 to 3600")
    challenge_delay_s: StrictInt = Field(0, ge=0, le=3600, description="seconds, 0 to 3600")
    confirm_min_s: StrictInt = Field(10, ge=0, le=3600, description="seconds, 0 to 3600")
    new_contacts_per_day: StrictInt = Field(50, ge=1, le=100_000, description="contacts per day, 1 to 100000")


class NotifyTable(Table):
    """[notify]: who learns of what needs a person."""

    address: MaybeAddress = Field("", description='a mail address, or "" for nobody')
    digest_at: Minutes = Field(("09:00", "15:00"), description='times of day such as "09:00", at most 24; [] for none')
    timezone: Zone = Field("UTC", description="a name such as Europe/Berlin that this machine knows")
    language: Text = Field("en", description="a folder of rules/notices; English where it is missing")


class WebTable(Table):
    """[web]: the confirmation page, and those for who watches over us."""

    bind: MaybeWebBind = Field("", description='"ADDRESS:PORT", or "" for no page')
    metrics: tuple[Network, ...] = Field(("127.0.0.0/8", "::1/128"), description='networks such as "192.0.2.0/24"')
    url: MaybeWebUrl = Field("", description='"https://HOST" or "http://HOST" without a path, together with bind')


class RulesTable(Table):
    """[rules]: what we know of mail."""

    folder: MaybeFile = Field(None, description='a folder of rule files, or "" for those that come with mailgate')
    local: MaybeFile = Field(None, description='a folder of your own rule files, or "" for the folder "local" in it')
    replay_days: StrictInt = Field(30, ge=0, le=400, description="days, 0 (nothing is kept) to 400")
    redirect_to: tuple[MailAddress, ...] = Field((), description="mail addresses, none of them a mailbox of ours")


class SpamTable(Table):
    """[spam]: whom we ask what he thinks of a mail."""

    rspamd: MaybeHttpUrl = Field("", description='"http://HOST:PORT" or "https://HOST:PORT", or "" to ask nobody')
    password_file: MaybeSecretFile = Field(
        None, description='a file whose first line is the password, or "credential:NAME", together with rspamd'
    )
    deadline_ms: StrictInt = Field(800, ge=50, le=10_000, description="milliseconds, 50 to 10000")
    learn: StrictBool = Field(False, description="true or false; true only together with rspamd")


class DnsListTable(Table):
    """[[dns_list]]: a list in DNS that we ask about a mail."""

    zone: HostName = Field(description="a domain such as zen.example.net, each only once")
    of: Literal["ip", "domain"] = Field("ip", description='"ip" of the client, or "domain" of the author')
    codes: Codes = Field(description='points, -100 to 100, of each address in 127.0.0.0/16: { "127.0.0.2" = 4.0 }')


class WebhookTable(Table):
    """[[webhook]]: a program that rules may hand a mail to."""

    name: Text = Field(description="a name for rules, at most 100 characters, each only once")
    url: HttpUrl = Field(description='an address that begins with "https://" or "http://"')
    secret_file: SecretFile = Field(description='a file whose first line is the secret, or "credential:NAME"')
    publishes: StrictBool = Field(False, description="true or false; true only together with senders")
    senders: tuple[Senders, ...] = Field((), description='mail addresses, and domains such as "@example.com"')

    def as_webhook(self) -> model.Webhook:
        """What a judge knows of it."""
        return model.Webhook(self.name, self.publishes, self.senders)


class RetentionTable(Table):
    """[retention]: what `mailgate db prune` takes away."""

    closed_tickets_days: StrictInt = Field(0, ge=0, le=36_500, description="days, 0 (for ever) to 36500")
    quiet_tickets_days: StrictInt = Field(0, ge=0, le=36_500, description="days, 0 (for ever) to 36500")
    parked_days: StrictInt = Field(0, ge=0, le=36_500, description="days, 0 (for ever) to 36500")
    spam_days: StrictInt = Field(134, ge=0, le=36_500, description="days, 0 (for ever) to 36500")
    likely_spam_days: StrictInt = Field(0, ge=0, le=36_500, description="days, 0 (for ever) to 36500")
    refusals_days: StrictInt = Field(400, ge=0, le=36_500, description="days, 0 (for ever) to 36500")


class WireTable(Table):
    """[wire]: the bounds of the listeners. The numbers are those of Postfix and RFC 5321 section 4.5.3."""

    connections: StrictInt = Field(200, ge=1, le=10_000, description="sessions at once, 1 to 10000")
    per_network: StrictInt = Field(20, ge=1, le=10_000, description="sessions at once, 1 to 10000")
    per_trusted_network: StrictInt = Field(100, ge=1, le=10_000, description="sessions at once, 1 to 10000")
    recipients: StrictInt = Field(100, ge=100, le=10_000, description="recipients of one mail, 100 to 10000")
    errors: StrictInt = Field(20, ge=1, le=1000, description="refused commands, 1 to 1000")
    junk_commands: StrictInt = Field(100, ge=1, le=10_000, description="commands without effect, 1 to 10000")
    unknown_recipients: StrictInt = Field(10, ge=1, le=1000, description="recipients, 1 to 1000")
    size_bytes: StrictInt = Field(52_428_800, ge=65_536, le=1_073_741_824, description="bytes, 65536 to 1073741824")
    command_wait_s: StrictInt = Field(300, ge=10, le=3600, description="seconds, 10 to 3600")
    data_block_wait_s: StrictInt = Field(180, ge=10, le=3600, description="seconds, 10 to 3600")
    data_grace_s: StrictInt = Field(30, ge=1, le=3600, description="seconds, 1 to 3600")
    data_rate_bytes_per_s: StrictInt = Field(500, ge=0, le=1_000_000, description="bytes per second, 0 to 1000000")
    transaction_s: StrictInt = Field(1800, ge=60, le=86_400, description="seconds, 60 to 86400")
    origin_mails_per_h: StrictInt = Field(60, ge=0, le=1_000_000, description="mails an hour, 0 (no bound) to 1000000")
    origin_bytes_per_h: StrictInt = Field(
        209_715_200, ge=0, le=1_099_511_627_776, description="bytes an hour, 0 (no bound) to 1099511627776"
    )

    def bounds(self) -> dict[str, int]:
        """What one listener holds its sessions to. The rest is for the door, which has one memory for all of them."""
        return self.model_dump(exclude={"origin_mails_per_h", "origin_bytes_per_h"})


class Settings(Table):
    """The whole file. Tables that may be absent stand at their defaults."""

    gateway: GatewayTable = Field(description="a table [gateway]")
    mailbox: AtLeastOne[MailboxTable] = Field(description="one or more tables [[mailbox]]")
    listener: AtLeastOne[ListenerTable] = Field(description="one or more tables [[listener]]")
    forwarder: tuple[ForwarderTable, ...] = Field((), description="tables [[forwarder]]")
    store: StoreTable = Field(_ABSENT, description="a table [store]")
    outbound: OutboundTable = Field(_ABSENT, description="a table [outbound]")
    dns: DnsTable = Field(_ABSENT, description="a table [dns]")
    authentication: AuthenticationTable = Field(_ABSENT, description="a table [authentication]")
    replies: RepliesTable = Field(_ABSENT, description="a table [replies]")
    notify: NotifyTable = Field(_ABSENT, description="a table [notify]")
    web: WebTable = Field(_ABSENT, description="a table [web]")
    rules: RulesTable = Field(_ABSENT, description="a table [rules]")
    spam: SpamTable = Field(_ABSENT, description="a table [spam]")
    dns_list: tuple[DnsListTable, ...] = Field((), description="tables [[dns_list]]")
    webhook: tuple[WebhookTable, ...] = Field((), description="tables [[webhook]]")
    retention: RetentionTable = Field(_ABSENT, description="a table [retention]")
    wire: WireTable = Field(_ABSENT, description="a table [wire]")

    def gateway_for(self, keys: model.Keys) -> model.Gateway:
        """The few values that judging and composing need."""
        return model.Gateway(
            name=self.gateway.name,
            mailboxes=tuple(box.as_mailbox() for box in self.mailbox),
            keys=keys,
            web_url=self.web.url,
            bounce_domain=self.outbound.bounce_domain,
            forwarders=tuple(map(self._forwarder, self.forwarder)),
            notify=self._notify(),
            webhooks=tuple(one.as_webhook() for one in self.webhook),
            learns=self.spam.learn,
            replay_days=self.rules.replay_days,
            redirect_to=tuple(address.lower() for address in self.rules.redirect_to),
            **self.replies.model_dump(),
        )

    def _notify(self) -> model.Notify:
        table = self.notify
        times = tuple(sorted(set(map(minute_of, table.digest_at))))
        return model.Notify(table.address, times, zone_of(table.timezone), table.language)

    def _forwarder(self, table: ForwarderTable) -> model.Forwarder:
        delivers = table.delivers or [box.address for box in self.mailbox]
        networks = tuple(map(ip_network, table.networks))
        return model.Forwarder(table.preset, frozenset(map(canonical, delivers)), networks)


def load(path: Path) -> Settings:
    """Read the configuration. Relative paths in it count from its own folder. Raises ConfigError with all faults."""
    return settings_of(tomlfile.read(path), path.absolute().parent)


def settings_of(file: TomlFile, folder: Path) -> Settings:
    """Check a parsed file whose relative paths count from `folder`. Raises ConfigError with all faults."""
    faults = list(across_tables(file))
    try:
        settings = Settings.model_validate(file.document, context={"folder": folder})
    except ValidationError as error:
        faults += [_fault(file, detail) for detail in error.errors(include_url=False, include_context=False)]
    if faults:
        shown = pointed(faults, lambda _: file.text or None)
        raise ConfigError(sorted(shown, key=lambda fault: (fault.line, fault.column)))
    return settings


# ── Faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tables() -> dict[str, type[Table]]:
    """The model of each table of the file, by name."""
    shapes: dict[str, Any] = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: next(iter(get_args(shape)), shape) for name, shape in shapes.items()}


def _fault(file: TomlFile, detail: ErrorDetails) -> Fault:
    place = detail["loc"]
    if detail["type"] == "extra_forbidden":
        return _unknown_key(file, place)
    names = [step for step in place if isinstance(step, str)]
    field = (_tables()[names[0]] if len(names) > 1 else Settings).model_fields[names[-1]]
    found = "nothing" if detail["type"] == "missing" else shown(detail["input"])
    if detail["type"] == NO_CREDENTIALS:
        found += " where the environment has no CREDENTIALS_DIRECTORY"
    nearest = _nearest(detail["input"], _words(field.annotation))
    return Fault(file.name, file.line(place), key_of(place), found, field.description or "", nearest)


def _unknown_key(file: TomlFile, place: Place) -> Fault:
    known = list((_tables()[str(place[0])] if len(place) > 1 else Settings).model_fields)
    nearest = _nearest(place[-1], known)
    return Fault(file.name, file.line(place), key_of(place), "an unknown key", ", ".join(known), nearest)


def _words(annotation: Any) -> list[str]:
    """The words that a field of fixed words takes; none for any other field."""
    choices = get_args(annotation) or (annotation,)
    enums = (choice for choice in choices if isinstance(choice, type) and issubclass(choice, StrEnum))
    return [word for word in choices if isinstance(word, str)] + [word.value for enum in enums for word in enum]


def _nearest(found: object, known: Iterable[str]) -> str:
    # Bounded, because the comparison is quadratic in the length of what was found.
    if not isinstance(found, str) or not found or len(found) > MAX_SHOWN_CHARS:
        return ""
    return next(iter(difflib.get_close_matches(found, [word for word in known if word], n=1)), "")
