"""`mailgate setup` prints what a mail server must be told, and says what in our own configuration would not work."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.cli.conftest import CONFIG, Run

EDGE = '[[listener]]\nbind = "127.0.0.1:2525"\n'
LMTP = '[[listener]]\nbind = "127.0.0.1:2524"\nprotocol = "lmtp"\nxclient = ["127.0.0.0/8"]\n'
OUTBOUND = '[outbound]\nrelay = "127.0.0.1:2526"\n'
SERVERS = ("postfix", "exim", "opensmtpd")
SERVICES = ("microsoft365", "google")


def _with(folder: Path, *, listener: str = LMTP, outbound: str = OUTBOUND, more: str = "") -> None:
    (folder / "config.toml").write_text(CONFIG.replace(EDGE, listener).replace(OUTBOUND, outbound) + more)


def _warnings(mailgate: Run, name: str, *words: str) -> list[str]:
    done = mailgate("--json", "setup", name, *words)
    assert done.code == 0, done.err
    return [one["text"] for one in done.objects if one["part"] == "warning"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("shared", [(), ("--shared", "g.test")], ids=["own domain", "shared domain"])
def test_a_configuration_that_is_fit_has_no_warning(
    mailgate: Run, folder: Path, server: str, shared: tuple[str, ...]
) -> None:
    _with(folder)
    done = mailgate("--json", "setup", server, *shared)
    assert [one["part"] for one in done.objects] == [f"{server}.sh"]
    assert "127.0.0.1" in done.objects[0]["text"]


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_printed_is_a_shell_script(mailgate: Run, folder: Path, server: str) -> None:
    _with(folder, outbound=f'{OUTBOUND}bounce_domain = "bounce.g.test"\n')
    done = mailgate("setup", server)
    subprocess.run(["sh", "-n"], input=done.out, text=True, check=True)
    assert all(len(line) <= 120 for line in done.out.splitlines() if line.startswith("#"))


def test_where_no_listener_is_fit_one_is_proposed_that_is(mailgate: Run, folder: Path) -> None:
    first = mailgate("--json", "setup", "postfix").objects
    [told] = [tomllib.loads(one["text"]) for one in first if one["part"] == "config.toml"]
    assert told == {"listener": [{"bind": "127.0.0.1:2524", "protocol": "lmtp", "xclient": ["127.0.0.0/8"]}]}

    _with(folder)
    second = mailgate("--json", "setup", "postfix").objects
    assert [one["part"] for one in second] == ["postfix.sh"]
    assert second[-1] == first[-1]


def test_a_proposed_listener_takes_a_port_that_is_free(mailgate: Run, folder: Path) -> None:
    _with(folder, listener='[[listener]]\nbind = "127.0.0.1:2524"\n')
    [told] = [one for one in mailgate("--json", "setup", "postfix").objects if one["part"] == "config.toml"]
    assert 'bind = "127.0.0.1:2523"' in told["text"]


@pytest.mark.parametrize(
    ("listener", "outbound", "said"),
    [
        (EDGE, OUTBOUND, "No [[listener]] is fit"),
        (LMTP + 'proxies = ["127.0.0.1/32"]\n', OUTBOUND, "No [[listener]] is fit"),
        (LMTP.replace("127.0.0.1:2524", "192.0.2.1:2524").replace("127.0.0.0/8", ""), OUTBOUND, ""),
        (LMTP.replace("2524", "0"), OUTBOUND, "give it a fixed one"),
        (LMTP + '[[listener]]\nbind = "0.0.0.0:25"\n', OUTBOUND, "both want port 25"),
        (LMTP + '[[listener]]\nbind = "0.0.0.0:2525"\n', OUTBOUND, "mail can go around your server"),
        (LMTP, '[outbound]\nrelay = "127.0.0.1:2524"\n', "is our own listener"),
        (LMTP, "[outbound]\n", "outbound.relay is not set"),
        (LMTP, f'{OUTBOUND}tls = "required"\n', "asks 127.0.0.1:2526 for a certificate"),
        (LMTP, f'{OUTBOUND}[authentication]\nassume = "pass"\n', "takes every sender for proven"),
    ],
    ids=[
        "edge alone",
        "behind a proxy",
        "another machine",
        "any port",
        "port 25 twice",
        "a way around",
        "a relay that is ourselves",
        "no relay",
        "a certificate for loopback",
        "all proven",
    ],
)
def test_what_would_not_work_is_a_warning(mailgate: Run, folder: Path, listener: str, outbound: str, said: str) -> None:
    _with(folder, listener=listener.replace('xclient = [""]\n', ""), outbound=outbound)
    warnings = _warnings(mailgate, "postfix")
    assert len(warnings) == 1
    assert (said or "put the address of your mail server into xclient") in warnings[0]


def test_an_edge_listener_that_is_asked_for_is_to_become_another(mailgate: Run) -> None:
    done = mailgate("--json", "setup", "postfix", "--listener", "127.0.0.1:2525").objects
    assert "would be bounced" in done[0]["text"]
    assert tomllib.loads(done[1]["text"])["listener"] == [
        {"bind": "127.0.0.1:2525", "protocol": "smtp", "role": "behind", "xclient": ["127.0.0.0/8"]}
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shared", "other.test"), "no mailbox is in other.test"),
        (("--listener", "127.0.0.1:1"), "only 127.0.0.1:2524"),
    ],
    ids=["a domain that is not ours", "a listener that is not there"],
)
def test_a_word_that_names_nothing_is_64(mailgate: Run, folder: Path, words: tuple[str, ...], said: str) -> None:
    _with(folder)
    done = mailgate("setup", "postfix", *words)
    assert done.code == 64
    assert said in done.err


def test_a_unix_socket_is_for_postfix_alone(mailgate: Run, folder: Path) -> None:
    _with(folder, listener=f'[[listener]]\nbind = "unix:{folder}/s"\nprotocol = "lmtp"\n')
    assert f"mailgate:unix:{folder}/s" in mailgate("setup", "postfix").out
    assert "No [[listener]] is fit" in mailgate("setup", "exim").out


def test_an_address_too_long_for_a_signature_is_known_by_its_short_one_too(mailgate: Run, folder: Path) -> None:
    address = "a-department-with-a-long-name@g.test"
    (folder / "config.toml").write_text(CONFIG.replace("support@g.test", address).replace(EDGE, LMTP))
    for server in SERVERS:
        assert r"r\+[rcb]1[0-9a-z]{18,}" in mailgate("setup", server, "--shared", "g.test").out


def test_what_an_address_is_made_of_never_becomes_a_pattern(mailgate: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG.replace("support@g.test", "a|b/$c@g.test").replace(EDGE, LMTP))
    assert r"/^(a\|b\/\$c)\+" in mailgate("setup", "postfix").out


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_the_pattern_of_each_address_it_shares(mailgate: Run, folder: Path, service: str) -> None:
    _with(folder)
    shared = mailgate("setup", service, "--shared", "g.test").out
    assert r"^support(\+.*)?@g\.test$" in shared
    assert "WARNING: No listener is at port 25" in shared
    assert "The MX record of g.test names mx.g.test" in mailgate("setup", service).out


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_told_its_forwarder_as_the_configuration_takes_it(
    mailgate: Run, folder: Path, service: str
) -> None:
    _with(folder)
    lines = mailgate("setup", service).out.splitlines()
    begin = lines.index("      [[forwarder]]")
    block = "\n".join(lines[begin : lines.index("", begin)])
    sealer = {"microsoft365": "microsoft.com", "google": "google.com"}[service]
    assert tomllib.loads(block)["forwarder"] == [
        {"preset": service, "delivers": ["support@g.test"], "networks": [], "arc_sealers": [sealer]}
    ]
    (folder / "config.toml").write_text(f"{CONFIG}{block}\n")
    assert mailgate("setup", service).code == 0


@pytest.mark.parametrize("service", SERVICES)
def test_the_way_by_a_mailbox_that_forwards_is_told_where_addresses_are_shared(
    mailgate: Run, folder: Path, service: str
) -> None:
    _with(folder)
    shared = mailgate("setup", service, "--shared", "g.test").out
    assert "It works, with less certainty" in shared
    assert "It works, with less certainty" not in mailgate("setup", service).out
    assert all(len(line) <= 120 for line in shared.splitlines())
