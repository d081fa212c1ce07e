"""A backup file is whole and ours, or it is none."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailgate.backup import archive
from mailgate.backup.archive import Manifest
from mailgate.errors import Damaged

FILES = {"database.db": b"d" * 5000, "mailgate.keys": b"k", "config.toml": b"c", "rules/a/b.txt": b"r"}


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    for name, inside in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(inside)
    return folder


@pytest.fixture
def packed(content: Path, tmp_path: Path) -> Path:
    file = tmp_path / "packed.tar"
    archive.pack(content, Manifest("2026-11-22", "1", {}, {}, archive.digests(content)), file)
    return file


def test_what_was_packed_comes_out_again(packed: Path, tmp_path: Path) -> None:
    manifest = archive.unpack(packed, tmp_path / "again")

    assert set(manifest.members) == set(FILES)
    assert {name: (tmp_path / "again" / name).read_bytes() for name in FILES} == FILES
    assert {(tmp_path / "again" / name).stat().st_mode & 0o777 for name in FILES} == {0o600}


def repacked(packed: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """The same archive, with its members changed."""
    with tarfile.open(packed) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]  # files
    change(members)
    file = packed.with_name("repacked.tar")
    with tarfile.open(file, "w") as tar:
        for name, inside in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(inside)
            tar.addfile(entry, io.BytesIO(inside))
    return file


def said(packed: dict[str, bytes], **changes: Any) -> None:
    packed["manifest.json"] = json.dumps({**json.loads(packed["manifest.json"]), **changes}).encode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda members: members.update({"database.db": b"x"}), "database.db is not what was packed"),
        (lambda members: members.pop("config.toml"), "config.toml is missing"),
        (lambda members: members.update({"more": b"x"}), "more is not what was packed"),
        (lambda members: members.update({"../out": b"x"}), "has no place in a backup"),
        (lambda members: members.update({"/tmp/out": b"x"}), "has no place in a backup"),
        (lambda members: members.pop("manifest.json"), "is no backup of mailgate"),
        (lambda members: members.update({"manifest.json": b"{"}), "cannot be understood"),
        (lambda members: said(members, more=1), "cannot be understood"),
        (lambda members: said(members, format=2), "another version"),
        (lambda members: said(members, members={}), "belong into a backup"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_not_whole_or_not_ours_is_refused(
    packed: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], Any], words: str
) -> None:
    with pytest.raises(Damaged, match=words):
        archive.unpack(repacked(packed, change), tmp_path / "again")
    assert not (tmp_path / "out").exists()


def test_links_have_no_place_in_it(packed: Path, tmp_path: Path) -> None:
    with tarfile.open(packed, "a") as tar:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)

    with pytest.raises(Damaged, match="no place"):
        archive.unpack(packed, tmp_path / "again")


@pytest.mark.parametrize("cut", [0, 10, 600, 3000, 7000])
def test_a_file_that_was_cut_off_is_refused(packed: Path, tmp_path: Path, cut: int) -> None:
    packed.write_bytes(packed.read_bytes()[:cut])

    with pytest.raises(Damaged):
        archive.unpack(packed, tmp_path / "again")


def test_names_sort_by_age() -> None:
    moments = [datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)]
    names = [archive.name_at(moment) for moment in moments]

    assert names == sorted(names)
    assert all(map(archive.NAME.fullmatch, names))
