"""Mail is found by its words, some moments after it came, in whatever database and by whatever way it got there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from mailgate.model import TicketState
from mailgate.searchwords import sought
from mailgate.store import copying, queries, search, tickets
from mailgate.store.database import Database
from mailgate.testing import Lab
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory, Stores


@pytest.fixture
async def lab(laboratory: Laboratory) -> AsyncIterator[Lab]:
    async with laboratory() as opened:
        yield opened


async def wrote(lab: Lab, author: str = "anne@x.test", **what: str) -> None:
    """Somebody whom we know wrote."""
    await lab.desk.trust(author, "bert")
    await lab.receive(letter(author, **what), mail_from=author)
    await lab.settle()


def found(lab: Lab, words: str, **which: object) -> list[int]:
    given = {"state": None, **which}
    return [line.number for line in lab.database.look(lambda conn: queries.tickets(conn, search=words, **given))]


async def test_a_mail_is_found_by_subject_people_text_and_files(lab: Lab) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"] = "Änne Groß <anne@x.test>", "support@g.test", "Bart <bart@y.test>"
    mail["Subject"], mail["Message-ID"] = "Printer on fire", "<1@x.test>"
    mail.set_content("Smoke comes out of the left drawer.")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Rechnung-4711.pdf")
    await lab.desk.trust("anne@x.test", "bert")
    await lab.receive(mail.as_bytes(), mail_from="anne@x.test")
    await lab.settle()

    for words in (
        "FIRE",
        "gross anne",
        "anne@x.test",
        "bart",
        "smoke drawer",
        '"left drawer"',
        "draw",
        "rechnung 4711",
    ):
        assert found(lab, words) == [1], words
    for words in ("water", '"drawer left"', "awer", "smoke water", "?!"):
        assert found(lab, words) == [], words


async def test_what_is_only_quoted_is_not_found_again(lab: Lab) -> None:
    await wrote(lab, text="Thank you.\n\nOn Monday, Bart wrote:\n> the quick fox")

    assert found(lab, "thank") == [1]
    assert found(lab, "fox") == []


async def test_a_text_without_spaces_is_found_by_any_part_of_it(lab: Lab) -> None:
    await wrote(lab, text="東京タワーの写真です。")

    assert found(lab, "タワー") == [1]
    assert found(lab, "京タ 写真") == [1]
    assert found(lab, "写東") == []


async def test_tickets_are_found_newest_first_in_pages_by_state_and_queue(lab: Lab) -> None:
    for number in range(1, 6):
        await wrote(lab, subject=f"Printer {number}", text=f"word{number}")
    await lab.desk.close(3, "bert")

    assert found(lab, "printer") == [5, 4, 3, 2, 1]
    assert found(lab, "printer", limit=2) == [5, 4]
    assert found(lab, "printer", limit=2, before=4) == [3, 2]
    assert found(lab, "printer", state=TicketState.CLOSED) == [3]
    assert found(lab, "printer", queue="sales") == []
    assert found(lab, "word") == [5, 4, 3, 2, 1]


async def test_a_number_is_the_ticket_of_this_number_and_a_word(lab: Lab) -> None:
    for number in range(1, 4):
        await wrote(lab, text=f"order {4 - number}")

    assert found(lab, "#1") == [1, 3]
    assert found(lab, "1", limit=1) == [1]
    assert found(lab, "1", before=3) == []
    assert found(lab, "9" * 30) == []


async def test_a_word_that_most_mails_have_ends_with_its_page(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "COMMON", 3)
    for number in range(1, 6):
        await wrote(lab, text="hello" if number < 5 else "hellos")

    assert found(lab, "hello", limit=2) == [4, 3]
    assert found(lab, "anne@x.test hello") == [4, 3, 2, 1]
    assert found(lab, "hell") == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("few", [0, 2000])
async def test_the_few_tickets_of_a_state_are_found_among_many(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(tickets, "FEW", few)
    for number in range(1, 8):
        await wrote(lab, text="hello" if number != 2 else "adieu")
    for number in (1, 2, 3):
        await lab.desk.close(number, "bert")

    assert found(lab, "hello ", state=TicketState.CLOSED, limit=2) == [3, 1]
    assert found(lab, "hello ", state=TicketState.CLOSED, limit=1) == [3]
    assert found(lab, "hello ", state=TicketState.CLOSED, before=3) == [1]


async def test_held_mail_is_found_oldest_first_and_where_it_went(lab: Lab) -> None:
    for author in ("anne@x.test", "bart@y.test", "cris@z.test"):
        await lab.receive(letter(author, text="It burns."), mail_from=author)
    await lab.settle()
    first, second, third = (line.id for line in lab.held())

    def held(words: str, **which: object) -> list[int]:
        return [line.id for line in lab.database.look(lambda conn: queries.held(conn, search=words, **which))]

    assert held("burns") == [first, second, third]
    assert held("burns", limit=1) == [first]
    assert held("burns", after=first) == [second, third]
    assert held("bart") == [second]
    assert found(lab, "burns") == []

    await lab.desk.accept(second, "bert")
    await lab.settle()
    assert held("burns") == [first, third]
    assert found(lab, "burns") == [1]


async def test_an_answer_of_ours_is_found_and_a_challenge_is_not(lab: Lab) -> None:
    await wrote(lab)
    await lab.desk.reply(1, "Unplug the contraption.", "bert")
    await lab.settle()

    assert found(lab, "contraption") == [1]


# ── Whatever happens to it ────────────────────────────────────────────────────────────────────────────────────────────


def holds(lab: Lab) -> tuple[int, int]:
    """How many mails are due, and how many the index has."""

    def count(conn: Connection) -> tuple[int, int]:
        return search.waiting(conn), conn.execute(text("SELECT count(*) FROM search_entry")).scalar_one()

    return lab.database.look(count)


async def test_what_a_crash_left_due_is_indexed_after_it(lab: Lab) -> None:
    await lab.desk.trust("anne@x.test", "bert")
    await lab.receive(letter(text="unheard"), mail_from="anne@x.test")
    await lab.intake.settle()
    assert holds(lab)[0] > 0
    await lab.crash()

    await lab.restart()
    await lab.settle()
    assert found(lab, "unheard") == [1]
    assert holds(lab)[0] == 0


async def test_a_mail_that_goes_is_found_no_more(lab: Lab) -> None:
    await wrote(lab, text="secret")
    await wrote(lab, "bart@y.test", text="secret")
    numbers = found(lab, "secret")
    whole = lab.tickets()

    await lab.database.write(lambda conn: search.forget(conn, [one.id for one in whole[0].messages]))
    assert (numbers, found(lab, "secret")) == ([2, 1], [2])

    gone = [one.id for one in whole[1].messages]
    listed = ", ".join(map(str, gone))
    await lab.database.write(
        lambda conn: [
            conn.execute(text(f"DELETE FROM outbox WHERE message_id IN ({listed})")),
            conn.execute(text(f"DELETE FROM message WHERE id IN ({listed})")),
        ]
    )
    await lab.settle()
    assert found(lab, "secret") == []
    assert holds(lab) == (0, 0)


async def test_a_mail_that_changes_is_indexed_anew(lab: Lab) -> None:
    await wrote(lab, subject="before")
    await lab.database.write(lambda conn: conn.execute(text("UPDATE message SET subject = 'after'")) and None)
    await lab.settle()

    assert found(lab, "after") == [1]


async def test_one_that_changes_while_it_is_read_stays_due(lab: Lab) -> None:
    await wrote(lab, subject="before")
    await lab.database.write(lambda conn: conn.execute(text("UPDATE message SET mailbox = mailbox")) and None)
    await lab.database.write(lambda conn: conn.execute(text("INSERT INTO search_due SELECT id FROM message")) and None)
    read = lab.database.look(search.due)
    await lab.database.write(lambda conn: conn.execute(text("UPDATE message SET subject = 'after'")) and None)

    words = [search.Indexed(one.message_id, ["before"], one.seen) for one in read]
    await lab.database.write(lambda conn: search.enter(conn, words))
    assert holds(lab)[0] == len(words)
    await lab.settle()
    assert (found(lab, "after"), holds(lab)[0]) == ([1], 0)


async def test_a_mail_that_cannot_be_read_is_found_by_its_head(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("no")

    monkeypatch.setattr("mailgate.indexing.text_of", fails)
    await wrote(lab, subject="Broken")

    assert found(lab, "broken anne") == [1]
    assert found(lab, "burns") == []


async def test_a_copy_is_indexed_where_it_arrived(lab: Lab, stores: Stores) -> None:
    await wrote(lab, text="carried")
    target = await Database.open(stores.empty(), durable=False, create=True)
    await copying.copy(lab.database, target)
    await copying.copy(lab.database, target, instead=True)
    await target.close()

    assert found(lab, "carried") == [1]
    assert lab.database.look(search.waiting) == 0


@pytest.fixture
async def one(laboratory: Laboratory) -> AsyncIterator[Lab]:
    async with laboratory() as opened:
        await wrote(opened, text="something")
        yield opened


async def test_no_text_is_anything_but_words(one: Lab) -> None:
    """Whatever is typed, the database understands it, and finds what has these words."""

    @given(st.text() | st.text("\"*()-+:^&|!<> aANDORNEAR#'\\", max_size=20))
    def ask(typed: str) -> None:
        found(one, typed)
        one.database.look(lambda conn: queries.held(conn, search=typed))
        words = sought(f"something {typed}").phrases
        if words == (("something",),):
            assert found(one, f"something {typed}") == [1]

    ask()
