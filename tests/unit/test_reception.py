"""Is there room on the disk: answered for every mail, looked at now and then."""

from pathlib import Path

from mailgate.daemon.reception import NO_ROOM, Room


def test_a_disk_with_less_than_the_reserve_has_no_room(tmp_path: Path) -> None:
    assert (Room(tmp_path, 0)(), Room(tmp_path, 1 << 62)()) == (None, NO_ROOM)


def test_the_disk_is_not_looked_at_again_for_the_next_mail(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    room = Room(folder, 0)
    assert room() is None
    folder.rmdir()
    assert room() is None
