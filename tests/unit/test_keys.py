"""The key file is made once, read by its owner alone, and never shows a secret."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate import keys
from mailgate.errors import ConfigError, NotAllowed, NotFound
from mailgate.judge import token
from mailgate.model import TokenKind

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECRET = "A" * 42 + "A="


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "mailgate.keys"


def b64(some: bytes) -> str:
    return base64.b64encode(some).decode()


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_new_key_file_is_private_and_loads(path: Path) -> None:
    keys.make(path, NOW)

    made = keys.load(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert len(made.instance) == keys.INSTANCE_CHARS
    assert len(made.secrets[made.current]) == keys.SECRET_BYTES


def test_two_key_files_differ(path: Path) -> None:
    other = path.with_name("other.keys")
    keys.make(path, NOW)
    keys.make(other, NOW)
    assert keys.load(path) != keys.load(other)


def test_a_key_file_is_never_written_over(path: Path) -> None:
    keys.make(path, NOW)
    before = path.read_bytes()
    with pytest.raises(NotAllowed):
        keys.make(path, NOW)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    keys.make(path, NOW)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.load(path)


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600])
def test_a_key_file_from_the_service_manager_may_show_the_right_of_our_user_as_a_groups(
    path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make(path, NOW)
    path.chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    assert keys.load(path).instance


@pytest.mark.parametrize("mode", [0o404, 0o460, 0o444])
def test_a_credential_that_others_may_read_or_write_is_refused(
    path: Path, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys.make(path, NOW)
    path.chmod(mode)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(path.parent))
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.load(path)


def test_a_missing_key_file_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(ConfigError, match="mailgate keys init"):
        keys.load(path)


def test_the_newest_key_signs_and_all_verify(path: Path) -> None:
    tables = "".join(
        f'[[key]]\nkid = "{kid}"\nsecret = "{SECRET}"\ncreated = 2026-0{month}-01T00:00:00Z\n'
        for kid, month in (("1", 1), ("2", 3), ("3", 2))
    )
    loaded = keys.load(write(path, 'instance = "abcdefgh"\n' + tables))
    assert (loaded.current, sorted(loaded.secrets)) == ("2", ["1", "2", "3"])


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('instance = "short"\n[[key]]\nkid = "1"\nsecret = "{}"\ncreated = 2026-01-01T00:00:00Z', "instance", 1),
        ('instance = "abcdefgh"\n', "key", 0),
        ('instance = "abcdefgh"\nkey = 3', "key", 0),
        ('instance = "abcdefgh"\n[[key]]\nkid = "10"\nsecret = "{}"\ncreated = 2026-01-01T00:00:00Z', "key[1].kid", 3),
        (
            'instance = "abcdefgh"\nlasting = "YQ=="\n'
            '[[key]]\nkid = "1"\nsecret = "{}"\ncreated = 2026-01-01T00:00:00Z',
            "lasting",
            2,
        ),
        (
            'instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "YQ=="\ncreated = 2026-01-01T00:00:00Z',
            "key[1].secret",
            4,
        ),
        ('instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "ä"\ncreated = 2026-01-01T00:00:00Z', "key[1].secret", 4),
        ('instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "{}"\ncreated = 2026-01-01', "key[1].created", 5),
    ],
    ids=[
        "short instance",
        "no key",
        "key is a number",
        "long kid",
        "short lasting",
        "short secret",
        "secret not base64",
        "no zone",
    ],
)
def test_a_damaged_key_file_names_key_and_line(path: Path, text: str, key: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        keys.load(write(path, text.replace("{}", SECRET)))
    assert [(fault.key, fault.line) for fault in caught.value.faults] == [(key, line)]


def test_a_fault_never_shows_the_secret(path: Path) -> None:
    secret = "VmVyeSBzZWNyZXQ="
    with pytest.raises(ConfigError) as caught:
        keys.load(write(path, f'instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "{secret}"\n'))
    assert secret not in str(caught.value)


def test_two_keys_with_one_id_are_refused(path: Path) -> None:
    table = f'[[key]]\nkid = "1"\nsecret = "{SECRET}"\ncreated = 2026-01-01T00:00:00Z\n'
    with pytest.raises(ConfigError, match=r"key\[2\].kid"):
        keys.load(write(path, 'instance = "abcdefgh"\n' + table * 2))


def test_a_place_we_may_not_write_to_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="a place we may write to"):
        keys.make(tmp_path / "file" / "mailgate.keys", NOW)


# ── Rotated and revoked ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_key_signs_and_the_old_one_still_verifies(path: Path) -> None:
    keys.make(path, NOW)
    before = keys.load(path)

    keys.rotate(path, NOW + timedelta(days=90))

    after = keys.load(path)
    assert (before.current, after.current) == ("1", "2")
    assert after.secrets["1"] == before.secrets["1"] != after.secrets["2"]
    assert after.instance == before.instance
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_an_old_key_signed_is_ours_until_it_goes(path: Path) -> None:
    keys.make(path, NOW)
    text = token.token_text(TokenKind.REPLY, 7, keys.load(path))

    for days, is_ours in ((90, True), (180, True), (489, True), (491, False)):
        keys.rotate(path, NOW + timedelta(days=days))
        assert (token.read_token(text, keys.load(path)) is not None) is is_ours, days


def test_a_key_that_signed_for_years_goes_no_sooner_than_others(path: Path) -> None:
    """It verifies from the day on that it signed last, however late that was."""
    keys.make(path, NOW)
    late = NOW + timedelta(days=2000)

    keys.rotate(path, late)

    assert set(keys.load(path).secrets) == {"1", "2"}
    content = keys.read(path)
    assert [keys.verifies_until(key, content) for key in content.keys] == [late + timedelta(days=keys.VERIFY_D), None]


def test_two_rotations_in_one_moment_or_with_a_clock_gone_back_are_in_order(path: Path) -> None:
    keys.make(path, NOW)
    for moment in (NOW, NOW, NOW - timedelta(days=3)):
        keys.rotate(path, moment)
    assert keys.load(path).current == "4"


def test_a_revoked_key_verifies_nothing_and_its_name_is_not_used_again(path: Path) -> None:
    keys.make(path, NOW)
    old = keys.load(path)
    keys.rotate(path, NOW)

    keys.revoke(path, "1", NOW)

    left = keys.load(path)
    assert token.read_token(token.token_text(TokenKind.REPLY, 7, old), left) is None
    assert token.read_message_id(token.message_id(7, "g.test", old), left) is None
    assert b64(old.secrets["1"]) not in path.read_text()
    for _ in range(30):
        keys.rotate(path, NOW)
    assert "1" not in keys.load(path).secrets
    with pytest.raises(NotAllowed, match="no more names"):
        keys.rotate(path, NOW)


def test_what_is_no_proof_stays_the_same_through_all_keys(path: Path) -> None:
    """Otherwise a limit that counts equal mails would begin anew, and Outlook would begin another thread."""
    keys.make(path, NOW)
    first = keys.load(path)
    for _ in range(3):
        keys.rotate(path, NOW)
    keys.revoke(path, "1", NOW)
    last = keys.load(path)
    assert last.steady == first.steady
    assert last.steady not in (*first.secrets.values(), *last.secrets.values())
    assert token.thread_guid(7, last) == token.thread_guid(7, first)


def test_the_key_that_signs_cannot_be_revoked(path: Path) -> None:
    keys.make(path, NOW)
    before = path.read_bytes()
    with pytest.raises(NotAllowed, match="mailgate keys rotate"):
        keys.revoke(path, "1", NOW)
    with pytest.raises(NotFound):
        keys.revoke(path, "9", NOW)
    assert path.read_bytes() == before


def test_a_file_of_revoked_keys_alone_is_damaged(path: Path) -> None:
    table = '[[key]]\nkid = "1"\ncreated = 2026-01-01T00:00:00Z\nrevoked = 2026-01-02T00:00:00Z\n'
    with pytest.raises(ConfigError, match="only revoked keys"):
        keys.load(write(path, 'instance = "abcdefgh"\n' + table))


def test_changes_at_the_same_time_lose_none(path: Path) -> None:
    keys.make(path, NOW)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: keys.rotate(path, NOW), range(24)))
    assert len(keys.load(path).secrets) == 25


def test_whoever_reads_meanwhile_finds_a_whole_file(path: Path) -> None:
    keys.make(path, NOW)
    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(lambda: [keys.rotate(path, NOW) for _ in range(20)])
        while not work.done():
            assert keys.load(path).current
    assert len(work.result()) == 20


def test_a_file_that_is_reached_by_a_link_stays_where_it_is(path: Path) -> None:
    keys.make(path, NOW)
    link = path.with_name("link")
    link.symlink_to(path)
    keys.rotate(link, NOW)
    assert link.is_symlink()
    assert keys.load(path).current == "2"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_root_rotates_the_keys_of_the_daemons_user(path: Path) -> None:
    keys.make(path, NOW)
    os.chown(path, 65534, 65534)
    keys.rotate(path, NOW)
    assert (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o777) == (65534, 65534, 0o600)


# ── For DKIM ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pair_is_made_under_two_names(path: Path) -> None:
    keys.make(path, NOW, selector="mg1")

    pair = keys.dkim_of(keys.read(path), "mg1")

    assert [(key.selector, key.algorithm) for key in pair] == [("mg1", "rsa-sha256"), ("mg1e", "ed25519-sha256")]
    assert keys.dkim_of(keys.read(path), "mg2") == ()


def test_a_selector_of_several_labels_differs_in_its_first(path: Path) -> None:
    keys.make(path, NOW, selector="mg1.support")
    assert [key.selector for key in keys.read(path).dkim] == ["mg1.support", "mg1e.support"]


def test_a_new_pair_takes_a_new_name_and_the_one_in_use_stays(path: Path) -> None:
    keys.make(path, NOW, selector="mg1")
    first = keys.dkim_of(keys.read(path), "mg1")

    keys.add_dkim(path, "mg2", NOW, keep="mg1")
    keys.add_dkim(path, "mg3", NOW, keep="mg1")

    assert [key.selector for key in keys.read(path).dkim] == ["mg1", "mg1e", "mg3", "mg3e"]
    assert keys.dkim_of(keys.read(path), "mg1") == first
    with pytest.raises(NotAllowed, match="--selector"):
        keys.add_dkim(path, "mg1", NOW, keep="mg1")


def test_identifiers_and_mail_have_keys_of_their_own(path: Path) -> None:
    keys.make(path, NOW, selector="mg1")
    pair = keys.read(path).dkim
    keys.rotate(path, NOW)
    assert keys.read(path).dkim == pair


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('selector = "mg1"\nalgorithm = "rsa-sha1"\nprivate = "YQ=="', "algorithm"),
        ('selector = "m g"\nalgorithm = "rsa-sha256"\nprivate = "YQ=="', "selector"),
        ('selector = "mg1"\nalgorithm = "rsa-sha256"\nprivate = "ä"', "private"),
        ('selector = "mg1"\nalgorithm = "rsa-sha256"', "private"),
    ],
    ids=["old algorithm", "no name", "not base64", "no key"],
)
def test_a_damaged_pair_names_its_key(path: Path, table: str, key: str) -> None:
    keys.make(path, NOW)
    text = f"{path.read_text()}\n[[dkim]]\n{table}\ncreated = 2026-01-01T00:00:00Z\n"
    with pytest.raises(ConfigError) as caught:
        keys.load(write(path, text))
    assert [fault.key for fault in caught.value.faults] == [f"dkim[1].{key}"]
