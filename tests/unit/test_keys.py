"""The key file is made once, read by its owner alone, and never shows a secret."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate import keys
from mailgate.errors import ConfigError, NotAllowed

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECRET = "A" * 42 + "A="


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "mailgate.keys"


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
            'instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "YQ=="\ncreated = 2026-01-01T00:00:00Z',
            "key[1].secret",
            4,
        ),
        ('instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "ä"\ncreated = 2026-01-01T00:00:00Z', "key[1].secret", 4),
        ('instance = "abcdefgh"\n[[key]]\nkid = "1"\nsecret = "{}"\ncreated = 2026-01-01', "key[1].created", 5),
    ],
    ids=["short instance", "no key", "key is a number", "long kid", "short secret", "secret not base64", "no zone"],
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
