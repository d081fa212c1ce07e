"""`mailgate check` finds what is wrong before mail depends on it; `keys`, `db` and `rules` mend it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailgate.cli.check import _records
from mailgate.cli.finding import Result
from mailgate.config import load, settings_of
from mailgate.config.tomlfile import parse
from mailgate.net.resolver import Exchange, Lookup, Missing, Names, Trouble
from tests.cli.conftest import CONFIG, Run


def results(printed: Any) -> dict[str, str]:
    return {one["check"]: one["result"] for one in printed.objects}


def test_a_gateway_in_order_is_0(gateway: Run) -> None:
    done = gateway("check", "--no-dns", "--json")
    assert done.code == 0
    names = ("configuration", "keys", "dkim", "rules", "database", "notify")
    assert results(done) == dict.fromkeys(names, "ok")


def test_keys_that_are_not_there_are_78_and_say_how_to_make_them(mailgate: Run) -> None:
    done = mailgate("check", "--no-dns")
    assert done.code == 78
    assert "mailgate keys init" in done.out


def test_keys_are_made_once(mailgate: Run) -> None:
    assert [mailgate("keys", "init").code, mailgate("keys", "init").code] == [0, 69]


def test_every_fault_of_the_configuration_is_an_object(mailgate: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + "[replies]\nack_delay_s = -1\ndry_ran = true\n")
    done = mailgate("check", "--json", "--no-dns")
    assert done.code == 78
    assert [(one["key"], one["line"], one["nearest"]) for one in done.objects] == [
        ("replies.ack_delay_s", 16, ""),
        ("replies.dry_ran", 17, "dry_run"),
    ]


def test_a_dry_run_is_a_warning(gateway: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + "[replies]\ndry_run = true\n")
    done = gateway("check", "--no-dns")
    assert done.code == 0
    assert "dry_run" in done.out


@pytest.mark.parametrize(("host", "warned"), [("h" * 17 + ".test", False), ("h" * 18 + ".test", True)])
def test_a_link_that_would_be_broken_in_two_is_a_warning(gateway: Run, folder: Path, host: str, warned: bool) -> None:
    web = f'[web]\nbind = "127.0.0.1:8025"\nurl = "https://{host}"\n'
    (folder / "config.toml").write_text(CONFIG + web)
    done = gateway("check", "--no-dns")
    assert done.code == 0
    assert ("web.url of at most 30 characters" in done.out) is warned


NOBODY = CONFIG.replace('[notify]\naddress = "lead@office.test"\n', "")


@pytest.mark.parametrize(
    ("text", "code", "result"),
    [
        (NOBODY, 78, "fault"),
        (NOBODY.replace('"support@g.test"', '"support@g.test"\nmode = "open"'), 78, "fault"),
        (NOBODY.replace('"support@g.test"', '"support@g.test"\nmode = "off"'), 0, "warning"),
        (NOBODY + '[authentication]\nassume = "pass"\n', 0, "warning"),
        (CONFIG.replace("lead@office.test", "support+lead@g.test"), 0, "warning"),
        (CONFIG, 0, "ok"),
    ],
    ids=["guarded", "open", "off", "a trial on loopback", "a mailbox of ours", "somebody"],
)
def test_somebody_must_learn_of_held_mail(gateway: Run, folder: Path, text: str, code: int, result: str) -> None:
    (folder / "config.toml").write_text(text)
    done = gateway("check", "--no-dns", "--json")
    assert (done.code, results(done)["notify"]) == (code, result)
    if code:
        (fault,) = [one for one in done.objects if one["check"] == "notify"]
        assert fault["key"] == "notify.address"


def test_who_can_not_be_told_is_a_fault(gateway: Run) -> None:
    assert gateway("senders", "block", "Lead@office.test").code == 0
    done = gateway("check", "--no-dns")
    assert done.code == 78
    assert "mailgate senders clear lead@office.test" in done.out


def test_what_holds_automatic_mail_back_is_a_warning(gateway: Run) -> None:
    for number in range(12):
        assert gateway("breaker", "stop", "--domain", f"x{number}.test").code == 0
    done = gateway("check", "--no-dns", "--json")
    found = [one["text"] for one in done.objects if one["check"] == "breaker"]
    assert (done.code, len(found)) == (0, 11)
    assert "mailgate breaker reset --domain" in found[0]
    assert found[-1] == "2 more: `mailgate breaker show`"


@pytest.mark.parametrize("key", ['trusted_upstreams = ["unix"]', 'trusted_authserv_ids = ["mx.example.com"]'])
def test_half_of_an_upstream_is_a_warning(gateway: Run, folder: Path, key: str) -> None:
    (folder / "config.toml").write_text(CONFIG + f"[authentication]\n{key}\n")
    done = gateway("check", "--no-dns")
    assert done.code == 0
    assert "trusted_upstreams and trusted_authserv_ids have effect only together" in done.out


def test_a_secret_that_nobody_can_read_is_a_fault(gateway: Run, folder: Path) -> None:
    hook = '[[webhook]]\nname = "crm"\nurl = "https://crm.test/"\nsecret_file = "crm.secret"\n'
    (folder / "config.toml").write_text(CONFIG + hook)
    done = gateway("check", "--no-dns", "--json")
    assert (done.code, results(done)["secret"]) == (78, "fault")
    (folder / "crm.secret").write_text("secret\n")
    assert gateway("check", "--no-dns").code == 0


def test_a_broken_rule_file_is_78_with_its_line(gateway: Run, folder: Path) -> None:
    (folder / "rules").mkdir()
    (folder / "rules" / "limits.toml").write_text("[[limit]\n")
    (folder / "config.toml").write_text(CONFIG + '[rules]\nfolder = "rules"\n')
    for command in (["check", "--no-dns"], ["rules", "check"]):
        done = gateway(*command)
        assert done.code == 78
        assert "limits.toml:1:8: TOML" in done.out + done.err


def test_a_database_that_is_none_is_78(gateway: Run, folder: Path) -> None:
    (folder / "mailgate.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    done = gateway("check", "--no-dns", "--json")
    assert (done.code, results(done)["database"]) == (78, "fault")


@pytest.mark.parametrize(("own_key", "code"), [(True, 0), (False, 78)], ids=["its own key", "another key"])
def test_a_certificate_is_loaded(gateway: Run, folder: Path, own_key: bool, code: int) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("mx.g.test")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key = certificate if own_key else authority.issue_cert("mx.g.test")
    key.private_key_pem.write_to_path(folder / "key.pem")
    lines = 'bind = "127.0.0.1:2525"\ntls_cert = "cert.pem"\ntls_key = "key.pem"'
    (folder / "config.toml").write_text(CONFIG.replace('bind = "127.0.0.1:2525"', lines))
    done = gateway("check", "--no-dns", "--json")
    assert (done.code, results(done)["certificate"]) == (code, "ok" if own_key else "fault")


class Zone(Names):
    """DNS with these answers and no others."""

    def __init__(self, answers: dict[tuple[str, str], Lookup[Any]]) -> None:
        self.answers = answers

    async def ask(self, name: str, kind: str) -> Lookup[Any]:
        return self.answers.get((name, kind), Missing())


async def test_dns_is_asked_for_what_receivers_look_for() -> None:
    text = CONFIG.replace("mx.g.test", "mx.gate.tld").replace("@g.test", "@desk.tld")
    answers: dict[tuple[str, str], Lookup[Any]] = {
        ("mx.gate.tld", "A"): ("192.0.2.1",),
        ("desk.tld", "MX"): (Exchange(10, "mx.gate.tld"),),
        ("desk.tld", "TXT"): (b"something else",),
        ("_dmarc.desk.tld", "TXT"): Trouble("timeout"),
    }
    found = await _records(settings_of(parse(text, "x"), Path("/x")), Zone(answers))
    assert [(one.result, one.text.split(":")[0]) for one in found] == [
        (Result.OK, "mx.gate.tld has an address"),
        (Result.OK, "desk.tld has an MX record"),
        (Result.WARNING, "desk.tld lacks a SPF record"),
        (Result.WARNING, "_dmarc.desk.tld has a DMARC record? DNS does not answer (timeout)"),
    ]


@pytest.mark.parametrize(
    ("change", "result"),
    [
        pytest.param(lambda value: value, Result.OK, id="as it should be"),
        pytest.param(lambda value: b"v=DKIM1; p=", Result.FAULT, id="revoked"),
        pytest.param(lambda value: value.replace(b"p=M", b"p=N"), Result.FAULT, id="another"),
        pytest.param(lambda value: None, Result.WARNING, id="nothing"),
    ],
)
async def test_public_keys_are_compared_with_ours(
    gateway: Run, folder: Path, change: Callable[[bytes], bytes | None], result: Result
) -> None:
    (folder / "config.toml").write_text(CONFIG.replace("@g.test", "@desk.tld"))
    shown = {one["name"]: one["value"].encode() for one in gateway("keys", "dns", "--json").objects}
    name = "mg1._domainkey.desk.tld"
    published = {name: change(shown[name]), "mg1e._domainkey.desk.tld": shown["mg1e._domainkey.desk.tld"]}
    answers: dict[tuple[str, str], Lookup[Any]] = {
        (where, "TXT"): (value,) for where, value in published.items() if value
    }

    found = await _records(load(folder / "config.toml"), Zone(answers))

    by_rsa, by_ed = (one for one in found if "_domainkey" in one.text)
    assert (by_rsa.result, by_ed.result) == (result, Result.OK)


async def test_names_that_nobody_can_register_are_not_asked_for() -> None:
    assert await _records(settings_of(parse(CONFIG, "x"), Path("/x")), Zone({})) == []
