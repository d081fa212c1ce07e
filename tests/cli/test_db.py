"""`mailgate db`: backups that are compared, restores that keep silent, moves between databases, and pruning."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import tarfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mailgate.backup import archive, highwater
from mailgate.store.database import Database
from mailgate.store.marks import Mark
from tests.cli.conftest import CONFIG, MAIL, Run
from tests.fakes.stores import PostgresStores
from tests.store import first_version


@pytest.fixture
def filled(gateway: Run, folder: Path) -> Run:
    """A gateway that has accepted three mails."""
    inject(gateway, folder, 3)
    return gateway


def inject(gateway: Run, folder: Path, number: int) -> None:
    for one in range(number):
        mail = folder / "in.eml"
        mail.write_bytes(MAIL.replace(b"<1@", f"<{one}-{os.urandom(4).hex()}@".encode()))
        assert gateway("inject", "--mail-from", "anne@x.test", "--rcpt-to", "support@g.test", str(mail)).code == 0


def accepted(gateway: Run) -> int:
    (found,) = gateway("ledger", "--json").objects
    assert found["balanced"]
    return int(found["accepted"])


def backed_up(gateway: Run, folder: Path) -> Path:
    done = gateway("db", "backup", "--to", str(folder / "backups"), "--json")
    assert done.code == 0, done.err
    return Path(done.objects[0]["file"])


# ── Backup ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_backup_is_one_file_for_our_eyes_with_everything_in_it(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)

    assert archive.NAME.fullmatch(file.name)
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert tar.getnames() == ["manifest.json", "config.toml", "database.db", "mailgate.keys"]
        assert {member.mode for member in tar} == {0o600}
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]  # a file
    assert manifest["tables"]["journal"]["rows"] == 3
    assert manifest["ledger"]["accepted"] == 3
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_rules_of_the_operators_own_are_in_it(filled: Run, folder: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "rules", folder / "rules")
    (folder / "ours").mkdir()
    (folder / "ours/limits.toml").write_text("[timing]\nchallenge_days = 7\n")
    (folder / "config.toml").write_text(CONFIG + '[rules]\nfolder = "rules"\nlocal = "ours"\n')

    with tarfile.open(backed_up(filled, folder)) as tar:
        assert {"rules/limits.toml", "rules/local/limits.toml"} <= {*tar.getnames()}
        assert "rules/local/README.md" not in tar.getnames()


def test_the_daemon_may_go_on_meanwhile(filled: Run, folder: Path) -> None:
    with serving(f"sqlite:///{folder / 'mailgate.db'}"):
        assert backed_up(filled, folder).exists()


def test_a_file_that_is_there_is_never_written_over(filled: Run, folder: Path) -> None:
    there = folder / "one.tar"
    there.write_text("mine")

    assert filled("db", "backup", "--to", str(there)).code == 69
    assert there.read_text() == "mine"


def test_old_backups_are_removed_and_other_files_stay(filled: Run, folder: Path) -> None:
    backups = folder / "backups"
    backups.mkdir()
    names = [f"mailgate-2026-01-0{day}T000000Z.tar" for day in range(1, 5)]
    for name in (*names, "mailgate-mine.tar", "notes.txt"):
        (backups / name).touch()

    done = filled("db", "backup", "--to", str(backups), "--keep", "3", "--json")

    (made,) = done.objects
    assert [Path(path).name for path in made["removed"]] == names[:2]
    assert {path.name for path in backups.iterdir()} == {
        *names[2:],
        Path(made["file"]).name,
        "mailgate-mine.tar",
        "notes.txt",
    }


def test_a_place_that_cannot_be_written_leaves_nothing_behind(filled: Run, folder: Path) -> None:
    (folder / "plain").write_text("a file, not a folder")

    done = filled("db", "backup", "--to", str(folder / "plain" / "backups"))

    assert done.code == 69
    assert "cannot be written" in done.err


def test_without_keys_there_is_no_backup(filled: Run, folder: Path) -> None:
    (folder / "mailgate.keys").unlink()

    assert filled("db", "backup", "--to", str(folder / "backups")).code == 78


# ── Restore ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def lose(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()


def test_after_a_loss_everything_is_back_keys_too_and_nothing_automatic_leaves(filled: Run, folder: Path) -> None:
    file, keys = backed_up(filled, folder), (folder / "mailgate.keys").read_bytes()
    lose(folder, "mailgate.db", "mailgate.keys")

    done = filled("db", "restore", str(file))

    assert done.code == 0, done.err
    assert "db resume" in done.out
    assert accepted(filled) == 3
    assert (folder / "mailgate.keys").read_bytes() == keys
    assert (folder / "mailgate.keys").stat().st_mode & 0o777 == 0o600
    assert "automatic mail is off until" in filled("check", "--no-dns").out
    assert "free it: mailgate db resume" in filled("breaker", "show").out
    inject(filled, folder, 1)
    assert accepted(filled) == 4


def test_the_silence_can_be_ended_once(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)
    lose(folder, "mailgate.db")
    filled("db", "restore", str(file))

    assert [filled("db", "resume").code, filled("db", "resume").code] == [0, 69]
    assert "automatic mail is off" not in filled("check", "--no-dns").out


def test_a_database_that_holds_something_is_replaced_only_by_force(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)
    inject(filled, folder, 2)

    refused = filled("db", "restore", str(file))
    assert (refused.code, accepted(filled)) == (69, 5)
    assert "--force" in refused.err

    assert filled("db", "restore", "--force", str(file)).code == 0
    assert accepted(filled) == 3


def test_other_keys_are_replaced_only_by_force_and_kept_beside(filled: Run, folder: Path) -> None:
    file, theirs = backed_up(filled, folder), (folder / "mailgate.keys").read_bytes()
    lose(folder, "mailgate.db", "mailgate.keys")
    filled("keys", "init")
    ours = (folder / "mailgate.keys").read_bytes()

    refused = filled("db", "restore", str(file))
    assert (refused.code, (folder / "mailgate.keys").read_bytes()) == (69, ours)
    assert "lacks keys" in refused.err

    assert filled("db", "restore", "--force", str(file)).code == 0
    assert (folder / "mailgate.keys").read_bytes() == theirs
    assert [path.read_bytes() for path in folder.glob("mailgate.keys.before-*")] == [ours]


def test_a_key_that_was_revoked_since_does_not_come_back(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)
    assert [filled("keys", "rotate").code, filled("keys", "revoke", "1").code] == [0, 0]
    ours = (folder / "mailgate.keys").read_bytes()
    lose(folder, "mailgate.db")

    assert filled("db", "restore", str(file)).code == 0
    assert (folder / "mailgate.keys").read_bytes() == ours


def test_keys_that_were_rotated_since_are_kept(filled: Run, folder: Path) -> None:
    file, keys = backed_up(filled, folder), folder / "mailgate.keys"
    more = f'\n[[key]]\nkid = "2"\nsecret = "{"A" * 43}="\ncreated = 2030-01-01T00:00:00Z\n'
    keys.write_text(keys.read_text() + more)
    lose(folder, "mailgate.db")

    assert filled("db", "restore", str(file)).code == 0
    assert more in keys.read_text()


@contextmanager
def serving(url: str) -> Iterator[None]:
    """While a daemon has the database."""

    async def serve() -> None:
        database = await Database.open(url, owner="a daemon")
        begun.set()
        await asyncio.to_thread(ended.wait, 60)
        await database.close()

    begun, ended = threading.Event(), threading.Event()
    daemon = threading.Thread(target=lambda: asyncio.run(serve()))
    daemon.start()
    assert begun.wait(60)
    yield
    ended.set()
    daemon.join()


def test_it_is_refused_while_a_daemon_serves_the_database(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)

    with serving(f"sqlite:///{folder / 'mailgate.db'}"):
        assert filled("db", "restore", "--force", str(file)).code == 75

    assert accepted(filled) == 3


def test_a_backup_of_the_first_version_is_restored_by_this_one(gateway: Run, folder: Path) -> None:
    content = folder / "content"
    content.mkdir()
    first_version.make(f"sqlite:///{content / 'database.db'}")
    shutil.copy(folder / "mailgate.keys", content)
    archive.pack(content, archive.Manifest("2026", "0.1", {}, {}, archive.digests(content)), folder / "old.tar")

    done = gateway("db", "restore", str(folder / "old.tar"))

    assert done.code == 0, done.err
    assert accepted(gateway) == 5


def test_no_ticket_gets_a_number_of_one_that_was_opened_since(filled: Run, folder: Path) -> None:
    file = backed_up(filled, folder)
    lose(folder, "mailgate.db")
    highwater.write(folder / "mailgate.keys.high-water", Mark(1, 130))

    filled("db", "restore", str(file))

    with closing(sqlite3.connect(folder / "mailgate.db")) as database:
        assert database.execute("SELECT value FROM counter WHERE name = 'ticket'").fetchone() == (130,)


# ── Copy ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_copy_says_what_to_write_into_the_configuration(filled: Run, folder: Path) -> None:
    other = folder / "other.db"

    done = filled("db", "copy", "--to", f"sqlite:///{other}")

    assert done.code == 0, done.err
    assert f'[store]\nurl = "sqlite:///{other}"' in done.out
    (folder / "config.toml").write_text(CONFIG.replace("mailgate.db", "other.db"))
    assert accepted(filled) == 3


def test_a_whole_installation_moves_to_postgresql_and_back(
    filled: Run, folder: Path, postgres_stores: PostgresStores
) -> None:
    url = postgres_stores.empty()
    assert filled("db", "copy", "--to", url).code == 0
    (folder / "config.toml").write_text(CONFIG.replace("sqlite:///mailgate.db", url))
    inject(filled, folder, 1)
    assert accepted(filled) == 4

    back = folder / "back.db"
    assert filled("db", "copy", "--to", f"sqlite:///{back}").code == 0

    (folder / "config.toml").write_text(CONFIG.replace("mailgate.db", "back.db"))
    inject(filled, folder, 1)
    assert accepted(filled) == 5
    postgres_stores.close()


def test_postgresql_is_backed_up_and_restored(filled: Run, folder: Path, postgres_stores: PostgresStores) -> None:
    url = postgres_stores.empty()
    filled("db", "copy", "--to", url)
    (folder / "config.toml").write_text(CONFIG.replace("sqlite:///mailgate.db", url))
    with serving(url):
        file = backed_up(filled, folder)
        assert filled("db", "restore", str(file), "--force").code == 75
    inject(filled, folder, 2)

    assert filled("db", "restore", str(file)).code == 69
    assert filled("db", "restore", str(file), "--force").code == 0
    assert accepted(filled) == 3
    postgres_stores.close()


def test_it_is_refused_into_itself_and_while_a_daemon_serves(filled: Run, folder: Path) -> None:
    assert filled("db", "copy", "--to", f"sqlite:///{folder / 'mailgate.db'}").code == 69

    with serving(f"sqlite:///{folder / 'mailgate.db'}"):
        assert filled("db", "copy", "--to", f"sqlite:///{folder / 'other.db'}").code == 75


@pytest.mark.parametrize("url", ["mysql://x@y/z", "other.db", "postgresql://u:secret@h/d"])
def test_what_is_no_database_is_a_fault_of_the_command_line(filled: Run, url: str) -> None:
    done = filled("db", "copy", "--to", url)

    assert done.code == 64
    assert "--to" in done.err


def test_a_source_that_misses_a_mail_is_not_passed_on(filled: Run, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "mailgate.db")) as database:
        database.execute("UPDATE counter SET value = value + 1 WHERE name LIKE 'accepted/%'")
        database.commit()

    done = filled("db", "copy", "--to", f"sqlite:///{folder / 'other.db'}")

    assert done.code == 69
    assert "mailgate ledger" in done.err
    backup = filled("db", "backup", "--to", str(folder / "backups"))
    assert backup.code == 0, "what there is must be kept all the same"
    assert "NOT balanced" in backup.out


# ── Prune ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def age(folder: Path) -> None:
    """Park the mails, long ago."""
    with closing(sqlite3.connect(folder / "mailgate.db")) as database:
        database.execute(
            "INSERT INTO message (id, direction, raw_id, journal_id, identity, sender, author, author_name, recipient,"
            " mailbox, queue, subject, at, body_hash, proposed, held_reason, acknowledge, suppressed, [references])"
            " SELECT id + 1, 'in', raw_id, id, '', '', '', '', '', '', '', '', 0, '', 0, '', 0, '', '[]' FROM journal"
        )
        database.execute("UPDATE journal SET state = 'parked', accepted_at = 0")
        database.commit()


def test_pruning_takes_away_what_the_rules_say_and_a_dry_run_nothing(filled: Run, folder: Path) -> None:
    age(folder)
    (folder / "config.toml").write_text(CONFIG + "[retention]\nparked_days = 30\n")

    assert filled("db", "prune", "--dry-run", "--json").objects[0]["parked"] == 3
    assert accepted(filled) == 3
    assert filled("db", "prune", "--json").objects[0]["parked"] == 3
    (found,) = filled("ledger", "--json").objects
    assert (found["accepted"], found["parked"], found["pruned"], found["balanced"]) == (3, 0, 3, True)
    assert "0 mails of machines" in filled("db", "prune").out


def test_by_default_machines_mail_stays(filled: Run, folder: Path) -> None:
    age(folder)

    assert "parked" not in filled("db", "prune", "--json").objects[0]
    assert filled("ledger", "--json").objects[0]["parked"] == 3
