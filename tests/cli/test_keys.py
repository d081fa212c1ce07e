"""`mailgate keys` makes, changes and publishes the signing keys, and never shows a secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate import keys
from tests.cli.conftest import CONFIG, Run


@pytest.fixture
def file(folder: Path) -> Path:
    return folder / "mailgate.keys"


def test_keys_are_made_with_a_pair_for_dkim(gateway: Run, file: Path) -> None:
    content = keys.read(file)
    assert [key.kid for key in content.keys] == ["1"]
    assert [key.selector for key in content.dkim] == ["mg1", "mg1e"]


def test_the_selector_is_that_of_the_configuration(mailgate: Run, folder: Path, file: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + 'dkim_selector = "desk"\n')
    assert mailgate("keys", "init").code == 0
    assert [key.selector for key in keys.read(file).dkim] == ["desk", "deske"]


def test_a_configured_name_that_dns_cannot_have_makes_no_file(mailgate: Run, folder: Path, file: Path) -> None:
    (folder / "config.toml").write_text(f'{CONFIG}dkim_selector = "{"x" * 63}"\n')
    assert mailgate("keys", "init").code == 69
    assert not file.exists()


def test_a_key_is_rotated_and_the_old_one_revoked(gateway: Run, file: Path) -> None:
    assert gateway("keys", "revoke", "1").code == 69
    rotated = gateway("keys", "rotate", "--json")
    assert (rotated.code, rotated.objects) == (0, [{"key_file": str(file), "signs": "2", "dropped": []}])
    assert gateway("keys", "revoke", "1").code == 0
    assert gateway("keys", "revoke", "7").code == 67
    listed = gateway("keys", "list", "--json")
    assert [(one["key"], one["state"].split()[0]) for one in listed.objects] == [
        ("2", "signs"),
        ("1", "revoked"),
        ("mg1", "signs"),
        ("mg1e", "signs"),
    ]


def test_no_command_shows_a_secret(gateway: Run, file: Path) -> None:
    gateway("keys", "rotate")
    secrets = [line.split('"')[1] for line in file.read_text().splitlines() if line.startswith(("secret", "private"))]
    assert len(secrets) == 4
    for command in ("list", "dns", "rotate", "dkim"):
        done = gateway("keys", command)
        assert not any(secret in done.out + done.err for secret in secrets)


def test_a_new_pair_is_made_under_a_new_name_and_shown(gateway: Run, file: Path) -> None:
    assert gateway("keys", "dkim").code == 69
    assert gateway("keys", "dns", "--selector", "mg2").code == 67
    made = gateway("keys", "dkim", "--selector", "mg2")
    assert (made.code, 'dkim_selector = "mg2"' in made.out) == (0, True)
    shown = gateway("keys", "dns", "--selector", "mg2", "--json")
    assert [one["name"] for one in shown.objects][:2] == ["mg2._domainkey.g.test", "mg2e._domainkey.g.test"]
    assert "waits" in gateway("keys", "list").out


def test_an_installation_without_a_pair_gets_one(mailgate: Run, file: Path) -> None:
    keys.make(file, _now())
    done = mailgate("check", "--no-dns")
    assert (done.code, "mailgate keys dkim" in done.out) == (0, True)
    assert mailgate("keys", "dkim").code == 0
    assert "mailgate keys dkim" not in mailgate("check", "--no-dns").out


@pytest.mark.parametrize("name", ["MG1", "a b", "x" * 63, "-a", "a..b", ""])
def test_a_name_that_dns_cannot_have_is_refused(gateway: Run, name: str) -> None:
    assert gateway("keys", "dkim", "--selector", name).code == (64 if name else 69)


def test_a_file_elsewhere_needs_no_configuration(mailgate: Run, folder: Path) -> None:
    (folder / "config.toml").unlink()
    file = folder / "other.keys"
    for command in (["init"], ["rotate"], ["revoke", "1"], ["list"], ["dkim", "--selector", "mg2"]):
        assert mailgate("keys", *command, "--file", str(file)).code == 0, command
    assert keys.load(file).current == "2"


def test_a_file_that_the_service_is_lent_is_changed_where_it_lies(mailgate: Run, folder: Path) -> None:
    """Its configuration can only be read whole by the service."""
    text = CONFIG.replace('"mailgate.keys"', '"credential:keys"') + 'dkim_selector = "desk"\n'
    (folder / "config.toml").write_text(text)
    file = folder / "secrets.keys"
    assert mailgate("keys", "init").code == 78
    for command in (["init"], ["rotate"], ["dkim", "--selector", "next"], ["dkim", "--selector", "other"]):
        assert mailgate("keys", *command, "--file", str(file)).code == 0, command
    assert [key.selector for key in keys.read(file).dkim] == ["desk", "deske", "other", "othere"]
    assert "signs mail" in mailgate("keys", "list", "--file", str(file)).out


def test_the_records_are_lines_of_a_zone_file(gateway: Run, folder: Path) -> None:
    (folder / "config.toml").write_text(CONFIG + 'bounce_domain = "b.g.test"\n')
    lines = [line for line in gateway("keys", "dns").out.splitlines() if not line.startswith(";")]
    assert [line.split(maxsplit=3)[0:3] for line in lines] == [
        ["mg1._domainkey.g.test.", "IN", "TXT"],
        ["mg1e._domainkey.g.test.", "IN", "TXT"],
        ["g.test.", "IN", "TXT"],
        ["b.g.test.", "IN", "TXT"],
        ["mx.g.test.", "IN", "TXT"],
        ["_dmarc.g.test.", "IN", "TXT"],
        ["b.g.test.", "IN", "MX"],
    ]
    assert lines[0].endswith(" )")
    assert lines[-1] == "b.g.test. IN MX 10 mx.g.test."


def test_no_string_of_a_record_is_longer_than_dns_can_say(gateway: Run) -> None:
    shown = gateway("keys", "dns", "--json").objects
    assert all("".join(one["strings"]) == one["value"] for one in shown)
    assert max(len(piece) for one in shown for piece in one["strings"]) == 255


def test_a_key_that_has_signed_for_too_long_is_a_warning(mailgate: Run, file: Path) -> None:
    keys.make(file, _now() - timedelta(days=keys.ROTATE_D + 1), selector="mg1")
    done = mailgate("check", "--no-dns")
    assert (done.code, "has signed for 91 days" in done.out) == (0, True)
    mailgate("keys", "rotate")
    assert "has signed for" not in mailgate("check", "--no-dns").out


def test_a_damaged_pair_is_a_fault(gateway: Run, file: Path) -> None:
    text = file.read_text()
    file.write_text(text.replace('private = "', 'private = "AAAA'))
    done = gateway("check", "--no-dns")
    assert (done.code, "the key of mg1 is damaged" in done.out) == (78, True)


def _now() -> datetime:
    return datetime.now(UTC)
