"""Old mailboxes as they lie on disks: each kind is found and read, in the order of time, and nothing else is."""

from __future__ import annotations

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailgate import mailboxes
from mailgate.errors import TryAgain

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def mail(day: int, body: str = "x") -> bytes:
    return f"Subject: {day}\nDate: {day} Jul 2020 10:00:00 +0000\n\n{body}\n".encode()


def subjects(*paths: Path, unpacked: Path | None = None) -> list[str]:
    found = mailboxes.find(paths, NOW, unpacked or paths[0])
    return [mailboxes.raw_of(place).split(b"\r\n")[0].removeprefix(b"Subject: ").decode() for place in found]


def test_a_maildir_is_read_with_its_folders_and_without_what_is_being_written(tmp_path: Path) -> None:
    for folder in ("cur", "new", "tmp", ".Sent/cur", ".Sent/new"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cur" / "1:2,S").write_bytes(mail(3))
    (tmp_path / "cur" / ".hidden").write_bytes(mail(9))
    (tmp_path / "new" / "2").write_bytes(mail(1))
    (tmp_path / "tmp" / "3").write_bytes(mail(9))
    (tmp_path / ".Sent" / "cur" / "4").write_bytes(mail(2))
    (tmp_path / "dovecot-uidlist").write_text("3 V1")

    assert subjects(tmp_path) == ["1", "2", "3"]


def test_a_folder_is_read_for_what_is_called_mail(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.eml").write_bytes(mail(2))
    (tmp_path / "b.mbox").write_bytes(b"From x\n" + mail(1) + b"\nFrom y\n" + mail(3) + b"\n")
    (tmp_path / "c.mbox.gz").write_bytes(gzip.compress(b"From x\n" + mail(4) + b"\n"))
    (tmp_path / "readme.md").write_bytes(mail(9))
    (tmp_path / "empty.eml").write_bytes(b"\n")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert subjects(tmp_path, unpacked=tmp_path_factory.mktemp("unpacked")) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_mbox_is_cut_where_its_writer_began_a_mail(tmp_path: Path, end: str) -> None:
    file = tmp_path / "inbox"
    body = f"{end}>From a quoted line{end}From a line in the middle{end}>>From{end}>>From twice{end}{end}last{end}"
    whole = f"From a@x{end}Subject: 1{end}{body}{end}From b@x{end}Subject: 2{end}{end}{'y' * 200_000}{end}From no"
    file.write_bytes(whole.encode())

    first, second = mailboxes.find([file], NOW, tmp_path)
    assert mailboxes.raw_of(first) == (
        b"Subject: 1\r\n\r\nFrom a quoted line\r\nFrom a line in the middle\r\n>>From\r\n>From twice\r\n\r\nlast\r\n"
    )
    assert mailboxes.raw_of(second) == b"Subject: 2\r\n\r\n" + b"y" * 200_000 + b"\r\nFrom no"


def test_a_mail_has_its_date_or_that_of_its_file_and_none_from_later(tmp_path: Path) -> None:
    texts = {"a": "Date: 1 Jul 2020 10:00:00 +0000", "b": "Date: nonsense", "c": "Date: 1 Jul 2099 10:00:00 +0000"}
    for name, text in texts.items():
        (tmp_path / f"{name}.eml").write_text(f"{text}\n\nx")
        os.utime(tmp_path / f"{name}.eml", (1_600_000_000, 1_600_000_000))

    found = {place.file.stem: place.at for place in mailboxes.find([tmp_path], NOW, tmp_path)}
    dated = datetime(2020, 7, 1, 10, tzinfo=UTC)
    assert found == {"a": dated, "b": datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC), "c": NOW}


def test_more_than_can_be_kept_in_mind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "MAILS_MOST", 1)
    for name in ("a", "b"):
        (tmp_path / f"{name}.eml").write_bytes(mail(1))

    with pytest.raises(TryAgain, match="more than 1 mails"):
        mailboxes.find([tmp_path], NOW, tmp_path)
