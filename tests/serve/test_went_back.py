"""A daemon whose database was put back by hand notices it, says so, and is silent."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fakes.sink import Sink
from tests.serve.running import Running


async def test_a_database_file_that_was_copied_back_turns_automatic_mail_off(folder: Path, sink: Sink) -> None:
    database = folder / "var" / "mailgate.db"
    first = Running(folder)
    await first.start()
    await first.deliver(1, "anne@x.test")
    await first.logged("delivery-attempted")
    await first.stop()
    shutil.copy(database, folder / "old.db")
    second = Running(folder)
    await second.start()
    assert not second.events("automatic-mail-off")
    await second.deliver(2, "bert@x.test")
    await second.logged("delivery-attempted")
    await second.stop()

    shutil.copy(folder / "old.db", database)
    third = Running(folder)
    await third.start()
    await third.deliver(3, "carl@x.test")
    await third.logged("mail-judged")
    await third.stop()

    assert len(third.events("database-went-back")) == len(third.events("automatic-mail-off")) == 1
    assert len(sink.mails) == 2, "the third mail has a ticket and no answer"

    fourth = Running(folder)
    await fourth.start()
    await fourth.stop()
    assert not fourth.events("database-went-back"), "it is noticed once"
    assert fourth.events("automatic-mail-off")
