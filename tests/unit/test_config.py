"""Any text is a configuration or a list of faults, each with its line, what was found, and what to write instead."""

import re
import tomllib
from datetime import time
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate import config, model
from mailgate.config import tomlfile
from mailgate.errors import ConfigError, Fault
from mailgate.judge import hours
from mailgate.model import Keys, Mode, Role
from mailgate.net.bounds import Bounds

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.example.toml").read_text()
LEAST = """\
[gateway]
name = "mx.example.com"
[[mailbox]]
address = "support@example.com"
[[listener]]
bind = "127.0.0.1:2525"
"""


def read(text: str, folder: Path = Path("/etc/mailgate")) -> config.Settings:
    return config.settings_of(tomlfile.parse(text, "config.toml"), folder)


def faults_of(text: str) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value.faults


def test_six_lines_are_a_configuration() -> None:
    settings = read(LEAST)
    assert settings.mailbox[0].mode is Mode.GUARDED
    assert settings.listener[0].peer_role is Role.EDGE
    assert settings.store.url == "sqlite:////etc/mailgate/var/mailgate.db"
    assert settings.gateway.key_file == Path("/etc/mailgate/var/mailgate.keys")
    assert settings.rules.folder is None


@pytest.mark.parametrize(
    ("lines", "role"),
    [("", Role.EDGE), ('protocol = "lmtp"', Role.BEHIND), ('role = "behind"', Role.BEHIND)],
    ids=["smtp", "lmtp", "smtp behind"],
)
def test_the_protocol_says_who_speaks_unless_the_role_does(lines: str, role: Role) -> None:
    assert read(LEAST + lines).listener[0].peer_role is role


def test_paths_count_from_the_folder_of_the_file() -> None:
    settings = read(LEAST.replace("127.0.0.1:2525", "unix:run/lmtp") + '[rules]\nfolder = "/srv/rules"', Path("/x"))
    assert settings.listener[0].bind == "unix:/x/run/lmtp"
    assert settings.rules.folder == Path("/srv/rules")


SECRETS = """\
tls_cert = "credential:cert"
tls_key = "credential:key"
[store]
password_file = "credential:database"
[outbound]
relay = "127.0.0.1:25"
user = "u"
password_file = "credential:relay"
"""


def with_secrets() -> str:
    return LEAST.replace("[[mailbox]]", 'key_file = "credential:keys"\n[[mailbox]]') + SECRETS


def test_secrets_lie_where_the_service_manager_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/mailgate.service")
    settings = read(with_secrets())
    listener = settings.listener[0]
    found = (settings.gateway.key_file, listener.tls_cert, listener.tls_key)
    found += (settings.store.password_file, settings.outbound.password_file)
    assert [path and str(path) for path in found] == [
        f"/run/credentials/mailgate.service/{name}" for name in ("keys", "cert", "key", "database", "relay")
    ]


def test_a_credential_without_a_service_manager_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    faults = faults_of(with_secrets())
    assert [fault.key for fault in faults] == [
        "gateway.key_file",
        "listener[1].tls_cert",
        "listener[1].tls_key",
        "store.password_file",
        "outbound.password_file",
    ]
    assert faults[0].found == "'credential:keys' where the environment has no CREDENTIALS_DIRECTORY"


def test_load_reads_a_file_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text(LEAST)
    monkeypatch.chdir(tmp_path)
    assert config.load(Path("config.toml")).gateway.key_file == tmp_path / "var/mailgate.keys"


def test_the_gateway_takes_its_values_from_the_settings() -> None:
    keys = Keys("instance", "1", {"1": b""})
    text = LEAST + '[replies]\nack_delay_s = 7\n[web]\nbind = "127.0.0.1:8025"\nurl = "https://desk.example.com/"\n'

    gateway = read(text).gateway_for(keys)

    assert gateway == model.Gateway(
        "mx.example.com",
        (model.Mailbox("support@example.com", "support", Mode.GUARDED),),
        keys,
        web_url="https://desk.example.com",
        ack_delay_s=7,
    )


def test_a_mailbox_knows_its_desk() -> None:
    text = LEAST.replace("[[listener]]", 'hours = ["mon-fri 09:00-17:00"]\ntimezone = "Europe/Berlin"\n[[listener]]')
    text = text.replace("[[listener]]", 'name = "The desk"\nanswer_within_h = 8\n[[listener]]')

    (mailbox,) = read(text).gateway_for(Keys("instance", "1", {"1": b""})).mailboxes

    opening = hours.parse(["mon-fri 09:00-17:00"], ZoneInfo("Europe/Berlin"), "Europe/Berlin")
    assert mailbox == model.Mailbox("support@example.com", "support", Mode.GUARDED, "The desk", opening, 8)


LISTED = '[[dns_list]]\nzone = "z.example"\n'
HOOK = '[[webhook]]\nname = "crm"\nsecret_file = "x"\n'

FAULTS: list[tuple[str, str, int, str, str]] = [
    # what is appended to the least file, or replaces a line of it; then key, line, a piece of what is said, nearest
    ("[stor]", "stor", 7, "unknown key", "store"),
    ('[store]\nurk = "x"', "store.urk", 8, "unknown key", "url"),
    ("rolle = 3", "listener[1].rolle", 7, "unknown key", "role"),
    ('role = "edgy"', "listener[1].role", 7, '"edge" or "behind"', "edge"),
    ('[[mailbox]]\naddress = "b@example.com"\nhours = ["mon-fri 9-17"]', "mailbox[2].hours", 9, hours.ALLOWED, ""),
    ('[[mailbox]]\naddress = "b@example.com"\nhours = "mon"', "mailbox[2].hours", 9, hours.ALLOWED, ""),
    ('[[mailbox]]\naddress = "b@example.com"\ntimezone = "Berlin"', "mailbox[2].timezone", 9, "Europe/Berlin", ""),
    ('[[mailbox]]\naddress = "b@example.com"\ntimezone = "../etc"', "mailbox[2].timezone", 9, "Europe/Berlin", ""),
    ('[[mailbox]]\naddress = "b@example.com"\nanswer_within_h = 721', "mailbox[2].answer_within_h", 9, "720", ""),
    ('[[mailbox]]\naddress = "b@example.com"\nmode = "gaurded"', "mailbox[2].mode", 9, "'gaurded'", "guarded"),
    ('[outbound]\ntls = "starttls"', "outbound.tls", 8, '"opportunistic", "required" or "none"', ""),
    ("[replies]\nack_delay_s = -1", "replies.ack_delay_s", 8, "found -1; allowed: seconds, 0 to 3600", ""),
    ("[replies]\nack_delay_s = 4000", "replies.ack_delay_s", 8, "seconds, 0 to 3600", ""),
    ('[replies]\nack_delay_s = "1"', "replies.ack_delay_s", 8, "found '1'", ""),
    ("[replies]\nack_delay_s = 1.0", "replies.ack_delay_s", 8, "found 1.0", ""),
    ("[replies]\nack_delay_s = true", "replies.ack_delay_s", 8, "found True", ""),
    ("[replies]\ndry_run = 1", "replies.dry_run", 8, "true or false", ""),
    ('[replies]\ndry_run = "yes"', "replies.dry_run", 8, "true or false", ""),
    ('[[mailbox]]\nqueue = "x"', "mailbox[2].address", 7, "found nothing", ""),
    ('[[mailbox]]\naddress = "Support@EXAMPLE.com"', "mailbox[2].address", 8, "line 4 already", ""),
    ('[[listener]]\nbind = "127.0.0.1:2525"', "listener[2].bind", 8, "line 6 already", ""),
    ('[[listener]]\nbind = "localhost:25"', "listener[2].bind", 8, "ADDRESS:PORT", ""),
    ('[[listener]]\nbind = "127.0.0.1"', "listener[2].bind", 8, "ADDRESS:PORT", ""),
    ('[[listener]]\nbind = "127.0.0.1:99999"', "listener[2].bind", 8, "ADDRESS:PORT", ""),
    (f'[[listener]]\nbind = "unix:/{"x" * 107}"', "listener[2].bind", 8, "unix:PATH", ""),
    ('proxies = ["10.0.0.1/8"]', "listener[1].proxies[1]", 7, "10.0.0.1/8", ""),
    ('tls_cert = "a.pem"', "listener[1].tls_cert", 7, "only together with tls_key", ""),
    ('[store]\npassword_file = "credential:../x"', "store.password_file", 8, "credential:NAME", ""),
    ('[web]\nbind = "127.0.0.1:1"\nmetrics = ["10.0.0.0/8", "here"]', "web.metrics[2]", 9, "networks such as", ""),
    ('[web]\nurl = "https://a.example"', "web.url", 8, "only together with bind", ""),
    ('[web]\nbind = "127.0.0.1:1"\nurl = "https://a.example/x"', "web.url", 9, "without a path", ""),
    ('[web]\nbind = "127.0.0.1:1"\nurl = "https://:x"', "web.url", 9, "without a path", ""),
    ('[store]\nurl = "mysql://x/y"', "store.url", 8, "sqlite:///FILE", ""),
    ('[store]\nurl = "sqlite:///"', "store.url", 8, "sqlite:///FILE", ""),
    ('[dns]\nresolvers = ["127.0.0.1:5353", "dns.example"]', "dns.resolvers[2]", 8, "'dns.example'", ""),
    ('[authentication]\nassume = "pass"', "authentication.assume", 8, "delivery by MX", ""),
    ('[notify]\naddress = "nobody"', "notify.address", 8, "a mail address", ""),
    ('[notify]\ndigest_at = ["09:00", "24:00"]', "notify.digest_at[2]", 8, "times of day", ""),
    ('[notify]\ndigest_at = ["9"]', "notify.digest_at[1]", 8, "times of day", ""),
    ('[notify]\ntimezone = "Europe/Atlantis"', "notify.timezone", 8, "Europe/Berlin", ""),
    ('[notify]\ntimezone = "../etc/passwd"', "notify.timezone", 8, "Europe/Berlin", ""),
    ('[spam]\nrspamd = "127.0.0.1:11333"', "spam.rspamd", 8, '"http://HOST:PORT"', ""),
    ('[spam]\nrspamd = "http://user:word@a.example"', "spam.rspamd", 8, '"http://HOST:PORT"', ""),
    ("[spam]\nlearn = true", "spam.learn", 8, "only together with rspamd", ""),
    ('[spam]\npassword_file = "x"', "spam.password_file", 8, "only together with rspamd", ""),
    ("[spam]\ndeadline_ms = 10", "spam.deadline_ms", 8, "milliseconds, 50 to 10000", ""),
    ('[[dns_list]]\nzone = "z.example"', "dns_list[1].codes", 7, "found nothing", ""),
    (f"{LISTED}codes = {{}}", "dns_list[1].codes", 9, "127.0.0.0/16", ""),
    (f'{LISTED}codes = {{ "127.255.255.254" = 1 }}', "dns_list[1].codes", 9, "127.0.0.0/16", ""),
    (f'{LISTED}codes = {{ "127.0.0.2" = 101 }}', "dns_list[1].codes", 9, "-100 to 100", ""),
    (f'{LISTED}codes = {{ "127.0.0.2" = nan }}', "dns_list[1].codes", 9, "-100 to 100", ""),
    (f'{LISTED}codes = {{ "127.0.0.2" = 1 }}\nof = "ipp"', "dns_list[1].of", 10, '"ip"', "ip"),
    (f'{HOOK}url = "ftp://a.example/"', "webhook[1].url", 10, '"https://" or "http://"', ""),
    (f'{HOOK}url = "https://a.example/\\nX: y"', "webhook[1].url", 10, '"https://" or "http://"', ""),
    (f'{HOOK}url = "https://a.example/"\npublishes = true', "webhook[1].publishes", 11, "together with senders", ""),
    (f'{HOOK}url = "https://a.example/"\nsenders = ["@"]', "webhook[1].senders[1]", 11, '"@example.com"', ""),
    ('[rules]\nfolder = "a\\u0000b"', "rules.folder", 8, "a folder", ""),
    ('[rules]\nredirect_to = ["a@x.example", "b"]', "rules.redirect_to[2]", 8, "mail addresses", ""),
    ('[rules]\nredirect_to = ["Support@example.com"]', "rules.redirect_to[1]", 8, "no mailbox of ours", ""),
    ("store = 3", "listener[1].store", 7, "unknown key", ""),
    ("[wire]\nconnections = 0x" + "f" * 10_000, "wire.connections", 8, "too long to show", ""),
]


@pytest.mark.parametrize(
    ("text", "key", "line", "says", "nearest"), FAULTS, ids=[f"{row[1]}-{i}" for i, row in enumerate(FAULTS)]
)
def test_a_fault_names_key_line_and_what_is_allowed(text: str, key: str, line: int, says: str, nearest: str) -> None:
    (fault,) = faults_of(LEAST + text)
    assert (fault.file, fault.key, fault.line, fault.nearest) == ("config.toml", key, line, nearest)
    assert says in str(fault)


@pytest.mark.parametrize("table", ["gateway", "mailbox", "listener"])
def test_the_tables_nobody_can_guess_are_asked_for(table: str) -> None:
    text = re.sub(rf"\[+{table}\]+\n.*\n", "", LEAST)
    assert [(fault.key, fault.found) for fault in faults_of(text)] == [(table, "nothing")]


def test_all_faults_come_at_once_in_the_order_of_the_file() -> None:
    text = LEAST.replace("mx.example.com", "m x") + (
        'rolle = "edge"\n[[mailbox]]\naddress = "support@example.com"\n[replies]\ndry_run = 3\n'
        '[authentication]\nassume = "pass"\n[outbound]\nrelay = "mx.example.net:25"\n'
    )
    keys = [fault.key for fault in faults_of(text)]
    assert keys == [
        "gateway.name",
        "listener[1].rolle",
        "mailbox[2].address",
        "replies.dry_run",
        "authentication.assume",
    ]


@pytest.mark.parametrize(
    ("bind", "relay", "allowed"),
    [
        ("127.0.0.1:2525", "127.0.0.1:2526", True),
        ("[::1]:2525", "localhost:2526", True),
        ("unix:/run/lmtp", "[::1]:2526", True),
        ("0.0.0.0:2525", "127.0.0.1:2526", False),
        ("[::]:2525", "127.0.0.1:2526", False),
        ("127.0.0.1:2525", "192.0.2.1:25", False),
        ("127.0.0.1:2525", "localhost.example.com:25", False),
        ("127.0.0.1:2525", "", False),
    ],
)
def test_peers_are_assumed_proven_only_where_all_is_loopback(bind: str, relay: str, allowed: bool) -> None:
    text = LEAST.replace("127.0.0.1:2525", bind)
    text += f'[outbound]\nrelay = "{relay}"\n[authentication]\nassume = "pass"\n'
    if allowed:
        assert read(text).authentication.assume == "pass"
    else:
        assert [fault.key for fault in faults_of(text)] == ["authentication.assume"]


@pytest.mark.parametrize(
    ("relay", "tls", "allowed"),
    [
        ("127.0.0.1:25", "none", True),
        ("mx.example.net:25", "required", True),
        ("mx.example.net:25", "opportunistic", False),
    ],
)
def test_a_password_never_leaves_the_machine_in_clear(relay: str, tls: str, allowed: bool) -> None:
    text = LEAST + f'[outbound]\nrelay = "{relay}"\ntls = "{tls}"\nuser = "u"\npassword_file = "p"\n'
    if allowed:
        assert read(text).outbound.user == "u"
    else:
        assert [fault.key for fault in faults_of(text)] == ["outbound.tls"]


def test_a_fault_never_shows_a_password() -> None:
    (fault,) = faults_of(LEAST + '[store]\nurl = "mysql://user:secret@host/db"')
    assert "secret" not in str(fault)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "a@",
        "@b",
        "a b@c",
        "a..b@c",
        ".a@b",
        "a@b..c",
        "a@-b",
        '\\"a\\"@b',
        "a@[192.0.2.1]",
        "a\\u0007@b",
        "a@ü.example",
        "a" * 65 + "@b",
        "a@" + "b" * 64,
    ],
)
def test_what_is_no_mail_address_is_refused(address: str) -> None:
    assert faults_of(LEAST.replace("support@example.com", address))[0].key == "mailbox[1].address"


@pytest.mark.parametrize(
    "address", ["a@b", "o'neil@example.com", "hülp@example.com", "a+b@x-y.example", "support@EXAMPLE.com"]
)
def test_a_mail_address_keeps_its_local_part_and_gets_a_lower_case_domain(address: str) -> None:
    local, _, domain = address.rpartition("@")
    assert read(LEAST.replace("support@example.com", address)).mailbox[0].address == f"{local}@{domain.lower()}"


def test_who_is_told_when_and_in_which_zone() -> None:
    text = LEAST + '[notify]\naddress = "a@b"\ndigest_at = ["15:30", "08:00", "08:00"]\ntimezone = "Europe/Berlin"\n'
    found = read(text).gateway_for(Keys("x", "1", {"1": b"k" * 32})).notify
    assert (found.address, found.digest_at) == ("a@b", (time(8), time(15, 30)))
    assert found.zone == ZoneInfo("Europe/Berlin")
    assert read(LEAST).notify.address == ""


def test_a_forwarder_brings_what_it_is_said_to_else_the_mail_of_all_mailboxes() -> None:
    text = LEAST + (
        '[[forwarder]]\npreset = "google"\ndelivers = ["Help+x@Example.ORG"]\nnetworks = ["192.0.2.0/24"]\n'
        '[[forwarder]]\npreset = "alias"\n'
    )
    google, alias = read(text).gateway_for(Keys("lab", "a", {"a": b"k"})).forwarders
    assert (google.preset, google.delivers) == ("google", {"help@example.org"})
    assert google.networks == (ip_network("192.0.2.0/24"),)
    assert (alias.delivers, alias.networks) == ({"support@example.com"}, ())


def test_whose_word_on_the_sender_counts_is_named_in_three_places() -> None:
    text = LEAST + (
        '[authentication]\ntrusted_upstreams = ["192.0.2.0/24", "unix"]\ntrusted_authserv_ids = ["mx.example.com"]\n'
        '[[forwarder]]\npreset = "google"\narc_sealers = ["Google.com"]\n'
    )

    settings = read(text)

    assert settings.authentication.trusted_upstreams == ("192.0.2.0/24", "unix")
    assert settings.forwarder[0].arc_sealers == ("google.com",)


@pytest.mark.parametrize("peer", ["unix:", "Unix", "localhost", "192.0.2.1/24", "unix:/run/x"])
def test_who_is_neither_a_network_nor_unix_is_no_upstream(peer: str) -> None:
    found = faults_of(LEAST + f'[authentication]\ntrusted_upstreams = ["{peer}"]\n')

    assert found[0].key == "authentication.trusted_upstreams[1]"


def faults_or_none(source: str | tomlfile.TomlFile) -> list[Fault]:
    """The faults of any source; any other error than ConfigError is ours."""
    try:
        file = tomlfile.parse(source, "x") if isinstance(source, str) else source
        config.settings_of(file, Path("/x"))
    except ConfigError as error:
        return error.faults or [Fault("x", 0, "", "no fault in the error", "")]
    return []


def test_the_bounds_of_the_wire_are_those_of_the_listener() -> None:
    assert Bounds(**read(LEAST).wire.bounds()) == Bounds()


def test_who_is_asked_and_who_is_handed_mail() -> None:
    text = (
        LEAST + LISTED + 'codes = { "127.0.0.2" = 4, "127.0.1.2" = 1.5 }\n[spam]\nrspamd = "http://127.0.0.1:11334"\n'
    )
    text += f'learn = true\n{HOOK}url = "https://a.example:8443/x?y=z"\npublishes = true\nsenders = ["@News.example"]\n'
    settings = read(text)
    gateway = settings.gateway_for(Keys("instance", "1", {"1": b""}))
    assert settings.dns_list[0].codes == {"127.0.0.2": 4.0, "127.0.1.2": 1.5}
    assert gateway.webhooks == (model.Webhook("crm", publishes=True, senders=("@news.example",)),)
    assert gateway.learns


# ── The example ───────────────────────────────────────────────────────────────────────────────────────────────────────

KEY_LINE = re.compile(r"^#(\[|\w+ = )")
EVERY_KEY = "".join(line[1:] + "\n" for line in EXAMPLE.splitlines() if KEY_LINE.match(line))


def test_the_example_loads_and_opens_with_twelve_lines() -> None:
    lines = [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 12
    assert read(EXAMPLE) == read("\n".join(lines))


def test_the_example_has_every_key_at_its_default() -> None:
    given_by_example = tomllib.loads(EVERY_KEY)
    for name, table in config._tables().items():
        shown: dict[str, Any] = (
            given_by_example[name][0] if isinstance(given_by_example[name], list) else given_by_example[name]
        )
        assert list(shown) == list(table.model_fields), name
        for key, field in table.model_fields.items():
            if not field.is_required() and (name, key) != ("listener", "role"):
                assert shown[key] == _plain(field.default), (name, key)


def test_the_example_says_what_is_allowed_in_the_words_of_the_faults() -> None:
    table = ""
    for line in filter(KEY_LINE.match, EXAMPLE.splitlines()):
        if line.startswith("#["):
            table = line.strip("#[]")
            continue
        key, _, rest = line[1:].partition(" = ")
        description = config._tables()[table].model_fields[key].description or ""
        assert rest.endswith("# " + description), line


def test_the_example_with_every_key_is_a_configuration() -> None:
    assert read(EVERY_KEY).model_fields_set == config.Settings.model_fields.keys()


def _plain(default: Any) -> Any:
    if default is None:
        return ""
    return [*default] if isinstance(default, tuple) else str(default) if isinstance(default, Path) else default


# ── Any text ──────────────────────────────────────────────────────────────────────────────────────────────────────────

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["pass", "edge", "127.0.0.1:1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [*config.Settings.model_fields, *(k for t in config._tables().values() for k in t.model_fields), "x"]
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=4)
DOCUMENTS = st.dictionaries(NAMES, VALUES | TABLES | st.lists(TABLES, max_size=3), max_size=5)


@given(DOCUMENTS)
def test_any_document_is_settings_or_faults(document: dict[str, Any]) -> None:
    faults = faults_or_none(tomlfile.TomlFile("x", document))
    assert all(fault.key and len(str(fault)) < 1000 for fault in faults)


@given(
    st.text()
    | st.lists(st.sampled_from([*LEAST.splitlines(), *EVERY_KEY.splitlines(), "x = [", '"""']), max_size=9).map(
        "\n".join
    )
)
def test_any_text_is_settings_or_faults(text: str) -> None:
    assert all(fault.allowed for fault in faults_or_none(text))
