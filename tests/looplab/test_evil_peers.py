"""Each evil peer, as it is met and at its worst: how many automatic mails it gets under the shipped rules.

At its worst a relay strips everything by which we could know it, and the mail is proven to be its author's. The mailbox
answers whom it never met (`open`), unless a test says otherwise. docs/laboratory.md shows the same numbers.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from mailgate.lab.account import Account, visible_and_judged
from mailgate.lab.desks import Challenger, HelpDesk, ListRobot, MailingList, Returner, Rewriter
from mailgate.lab.forgers import Archive, Forger, Mover, ReplyAll, ThrowAway
from mailgate.lab.letters import MAILBOX
from mailgate.lab.pair import Pair, play_pair
from mailgate.lab.peer import Stripped
from mailgate.lab.play import DESK, play
from mailgate.lab.robots import (
    Autoresponder,
    Bouncer,
    Complainer,
    QuietBouncer,
    Rotator,
    Substitute,
    Vacation,
    Writer,
)
from mailgate.model import HeldState, Key
from mailgate.testing import Lab
from tests.looplab.counts import COUNTS
from tests.looplab.playing import GUARDED, played

FOUR_WEEKS = 28


def most_of_any_day(account: Account) -> int:
    """The most automatic mails within any 24 hours."""
    times = sorted(sent.at for sent in account.sent)
    return max(sum(at <= one < at + timedelta(days=1) for one in times) for at in times)


async def test_e1_autoresponder_in_the_thread() -> None:
    """T30: it keeps the thread, so the first mail is the last."""
    account = await played(Autoresponder(), most_mails=1000)
    assert account.automatic == COUNTS["E1"].typical == 1
    assert account.mails == 2


async def test_e1_autoresponder_stripped() -> None:
    account = await played(Stripped(Autoresponder()), days=FOUR_WEEKS)
    assert account.automatic == COUNTS["E1"].worst == 3


async def test_e1_machine_that_writes_every_five_seconds_whatever_it_gets() -> None:
    """T31: turns of five seconds; after twenty conversations the rest stands in one ticket."""
    account = await played(Writer(pace=timedelta(seconds=5)), most_mails=300)
    assert account.automatic <= 3
    assert account.ledger.appended > 200  # the flood ticket


async def test_e2_help_desk_that_quotes_us() -> None:
    """T32: a new case and a new number in the subject for each mail of ours."""
    account = await played(HelpDesk())
    assert account.automatic == COUNTS["E2"].typical == 1


async def test_e2_help_desk_stripped() -> None:
    """T33"""
    account = await played(Stripped(HelpDesk()), days=FOUR_WEEKS)
    assert account.automatic == COUNTS["E2"].worst == 3


@pytest.mark.parametrize("peer", [Returner(), Stripped(Returner())], ids=["as it was", "stripped"])
async def test_e3_our_own_mail_comes_back(peer: Returner) -> None:
    """T48: the one mail is for the customer's own; the ones that came back caused none."""
    account = await played(peer)
    assert account.automatic - 1 == COUNTS["E3"].typical == COUNTS["E3"].worst == 0
    assert account.ledger.parked + account.ledger.appended == account.mails - 1 > 0


async def test_e4_a_whole_mailbox_is_forwarded_to_us() -> None:
    for mover in (Mover(), Mover(forwarded_by="")):
        account = await played(mover)
        assert account.automatic == COUNTS["E4"].typical == 0


async def test_e4_a_whole_mailbox_addressed_to_us() -> None:
    """Each author has his own proof, and To names us: only the domain's limit is left."""
    account = await played(Mover(to=MAILBOX, forwarded_by="", pace=timedelta(minutes=30)))
    assert account.automatic == COUNTS["E4"].worst == 10


async def test_e5_robot_that_rotates_addresses_in_one_domain() -> None:
    """T37: five hundred addresses in a day."""
    account = await played(Rotator(pace=timedelta(seconds=172)), most_mails=500)
    assert account.automatic == COUNTS["E5"].typical == 10


@pytest.mark.soak
async def test_e5_robot_that_rotates_addresses_for_a_month() -> None:
    """T37: thirty days."""
    account = await played(Rotator(pace=timedelta(hours=2)), days=30, most_mails=359)
    assert account.automatic == COUNTS["E5"].worst == 20
    assert most_of_any_day(account) <= 10


async def test_e6_robot_that_rotates_freemail_addresses() -> None:
    """T38: some hundred addresses in a week here, ten thousand in the soak."""
    await _freemail(450)


@pytest.mark.soak
async def test_e6_ten_thousand_freemail_addresses() -> None:
    """T38"""
    await _freemail(10_000)


async def _freemail(mails: int) -> None:
    pace = timedelta(days=7) / mails
    account = await played(Rotator("gmail.com", pace, Key.SHARED), days=7, most_mails=mails)
    assert account.automatic == COUNTS["E6"].worst == 300
    assert most_of_any_day(account) <= COUNTS["E6"].typical == 100
    assert max(Counter(sent.rcpt_to for sent in account.sent).values()) == 1


async def test_e7_two_gateways() -> None:
    """T35: nobody but machines on either side."""
    async with Pair(strips=False) as pair:
        accounts = await play_pair(pair, days=FOUR_WEEKS, most_mails=1000)
        assert all(visible_and_judged(lab) for lab in pair.labs)
    assert sum(one.automatic for one in accounts) == COUNTS["E7"].typical == 1


async def test_e7_two_gateways_with_a_relay_that_strips() -> None:
    """T36"""
    async with Pair(strips=True) as pair:
        accounts = await play_pair(pair, days=FOUR_WEEKS, most_mails=1000)
        assert all(visible_and_judged(lab) for lab in pair.labs)
    assert [one.automatic for one in accounts] == [3, 3]
    assert COUNTS["E7"].worst == 6


@pytest.mark.parametrize("marks", [None, {}], ids=["marked", "no mark, but To names the list"])
async def test_e8_mailing_list_that_we_are_a_member_of(marks: dict[str, str] | None) -> None:
    """T40"""
    account = await played(MailingList(marks=marks))
    assert account.automatic == COUNTS["E8"].typical == 0


async def test_e8_mailing_list_stripped() -> None:
    account = await played(Stripped(MailingList()), days=FOUR_WEEKS)
    assert account.automatic == COUNTS["E8"].worst == 3
    assert {sent.rcpt_to for sent in account.sent} == {"list@l.test"}


@pytest.mark.parametrize("desk", [DESK, GUARDED], ids=["open", "guarded"])
async def test_e9_vacation_that_quotes_us(desk: dict[str, object]) -> None:
    """T41"""
    account = await played(Vacation(), desk=desk)
    assert account.automatic == COUNTS["E9"].typical == COUNTS["E9"].worst == 1


async def test_e10_relay_that_rewrites_message_ids() -> None:
    """T42: the signed reply address is left, and by it the answer finds its ticket."""
    account = await played(Rewriter())
    assert account.automatic == COUNTS["E10"].typical == COUNTS["E10"].worst == 1
    assert (account.ledger.ticketed, account.ledger.appended) == (1, 1)


async def test_e11_absence_told_from_another_address() -> None:
    """The one mail is for the customer's own."""
    account = await played(Substitute())
    assert account.automatic - 1 == COUNTS["E11"].typical == 0


async def test_e11_absence_told_from_ever_new_addresses_stripped() -> None:
    account = await played(Stripped(Substitute()))
    assert account.automatic == COUNTS["E11"].worst == 10


@pytest.mark.soak
async def test_e12_a_mail_an_hour_for_four_weeks() -> None:
    """T34"""
    account = await played(Writer(), days=FOUR_WEEKS, most_mails=28 * 24)
    assert account.automatic == COUNTS["E12"].typical == 3
    assert account.mails == 28 * 24


@pytest.mark.soak
async def test_e12_a_mail_an_hour_for_a_year() -> None:
    """T34"""
    account = await played(Writer(), days=365, most_mails=365 * 24)
    assert account.automatic == COUNTS["E12"].worst == 7


@pytest.mark.soak
async def test_e12_a_mail_a_day_for_a_year() -> None:
    """T34: the same bound, since nothing but time gives credit back."""
    account = await played(Writer(pace=timedelta(days=1)), days=365, most_mails=366)
    assert account.automatic == COUNTS["E12"].worst == 7


async def test_e13_bounce_to_the_author_instead_of_the_reverse_path() -> None:
    """T43: text only; the one mail is the one that bounced."""
    for peer in (Bouncer(), Stripped(Bouncer())):
        account = await played(peer)
        assert account.automatic == COUNTS["E13"].typical == COUNTS["E13"].worst == 1


async def test_e14_bounce_that_nobody_could_recognize() -> None:
    account = await played(QuietBouncer())
    assert account.automatic == COUNTS["E14"].typical == 1


async def test_e14_bounce_that_nobody_could_recognize_stripped() -> None:
    account = await played(Stripped(QuietBouncer()), days=FOUR_WEEKS)
    assert account.automatic == COUNTS["E14"].worst == 3


SIX = tuple(f"{name}@g.test" for name in ("support", "sales", "press", "jobs", "shop", "club"))


async def test_e15_one_mail_to_six_mailboxes_and_fifty_people() -> None:
    """T44: six transactions, one ticket; then fifty answers to all, of which none is answered."""
    boxes = [{"address": address, "queue": "support", "mode": "open"} for address in SIX]
    account = await played(ReplyAll(SIX, people=0), desk={"mailbox": boxes})
    assert account.automatic == COUNTS["E15"].typical == 1
    assert (account.ledger.ticketed, account.ledger.duplicate) == (1, 5)
    account = await played(ReplyAll(SIX), most_mails=6 * 51, desk={"mailbox": boxes})
    assert account.automatic <= 1


async def test_e15_answers_to_all_stripped() -> None:
    account = await played(Stripped(ReplyAll(["support@g.test"], pace=timedelta(minutes=28))))
    by_domain = Counter(sent.rcpt_to.partition("@")[2] for sent in account.sent)
    assert by_domain == {"r.test": 1, "firm.test": 10}
    assert account.automatic == COUNTS["E15"].worst == 11


@pytest.mark.timeout(300)
async def test_e16_twenty_thousand_forged_senders() -> None:
    """Backscatter: not one of the victims hears of us."""
    account = await played(Forger(), most_mails=20_000)
    assert account.automatic == COUNTS["E16"].typical == COUNTS["E16"].worst == 0
    assert account.ledger.held == account.mails == 20_000


async def test_e17_throw_away_domains() -> None:
    """T39: every 150 seconds until the breaker latches here, every twenty for a day in the soak."""
    await _fresh_domains(timedelta(seconds=150), 330)


@pytest.mark.soak
async def test_e17_throw_away_domains_every_twenty_seconds() -> None:
    """T39"""
    await _fresh_domains(timedelta(seconds=20), 4320)


async def _fresh_domains(pace: timedelta, mails: int) -> None:
    account = await played(ThrowAway(pace), days=1, most_mails=mails)
    assert account.automatic == COUNTS["E17"].worst == 150
    assert account.breaker == "latched"
    assert max(Counter(sent.rcpt_to for sent in account.sent).values()) == COUNTS["E17"].typical == 1
    assert account.ledger.ticketed == account.mails


@pytest.mark.parametrize("desk", [DESK, GUARDED], ids=["open", "guarded"])
async def test_e19_challenge_to_our_challenge(desk: dict[str, object]) -> None:
    """T46: it goes to the reverse-path, as RFC 3834 section 4 asks, and there it proves what it is."""
    account = await played(Challenger(), desk=desk)
    assert account.automatic == COUNTS["E19"].typical == 1


@pytest.mark.parametrize("desk", [DESK, GUARDED], ids=["open", "guarded"])
async def test_e19_challenge_to_our_reply_address(desk: dict[str, object]) -> None:
    """T46: by its words it is known for what it is."""
    account = await played(Challenger(to_reply_address=True), desk=desk)
    assert account.automatic == COUNTS["E19"].worst == 1


@pytest.mark.parametrize("to_reply_address", [False, True])
async def test_e19_a_sender_whose_system_challenges_us_waits_for_a_person(to_reply_address: bool) -> None:
    """T46: he never saw our question, so nobody waits for his answer to it."""
    async with Lab() as lab:
        await play(lab, Challenger(to_reply_address=to_reply_address), days=1, most_mails=10)
        assert [line.state for line in lab.held()] == [HeldState.HUMAN]


async def test_e19_challenge_in_words_that_nobody_knows() -> None:
    """A person's answer looks the same: it confirms, the mail that waited is acknowledged once, and all ends."""
    account = await played(Challenger(to_reply_address=True, asks=("Who are you", "Tell me.")), desk=GUARDED)
    assert [sent.kind for sent in account.sent] == ["challenge", "acknowledge"]


async def test_e20_list_that_asks_us_to_confirm() -> None:
    """T47: from list-confirm+token@, and an answer would make us a member."""
    account = await played(ListRobot())
    assert account.automatic == COUNTS["E20"].typical == 0


async def test_e20_list_that_asks_us_to_confirm_from_an_address_like_a_persons() -> None:
    """What it gets has a text of ours and no token of its own in it."""
    account = await played(ListRobot("lisa@l.test"))
    assert account.automatic == COUNTS["E20"].worst == 1
    assert not any(b"a1b2c3d" in sent.raw for sent in account.sent)


async def test_e21_complaint_robot() -> None:
    """T17: the one mail is what was complained of, and after it the domain gets none for thirty days."""
    account = await played(Complainer())
    assert account.automatic - 1 == COUNTS["E21"].typical == COUNTS["E21"].worst == 0
    assert account.ledger.consumed == 1


async def test_e22_storm_of_a_customers_script() -> None:
    account = await played(Writer(pace=timedelta(minutes=1)), most_mails=150)
    assert account.automatic == COUNTS["E22"].typical == 3


@pytest.mark.soak
async def test_e22_storm_of_a_customers_script_whom_a_person_trusts() -> None:
    """Three of its own and two for the person's act, whatever it writes."""
    async with Lab(overrides=DESK) as lab:
        await lab.desk.trust("joe@r.test", "bob")
        account = await play(lab, Writer(pace=timedelta(minutes=20)), days=FOUR_WEEKS, most_mails=400)
        assert visible_and_judged(lab)
    assert account.automatic == COUNTS["E22"].worst == 5


async def test_e23_our_own_archive_is_poured_in_again() -> None:
    """What came at its time got its answers; what came again got none, after days and after weeks."""
    account = await played_again()
    again = [sent for sent in account.sent if sent.at > account.sent[0].at + timedelta(days=1)]
    assert len(again) == COUNTS["E23"].typical == COUNTS["E23"].worst == 0


async def played_again() -> Account:
    """Mail that comes again within a week is not even taken down a second time."""
    async with Lab(overrides=DESK) as lab:
        account = await play(lab, Archive(), days=60, most_mails=60)
        assert visible_and_judged(lab)
    assert account.ledger.accepted >= 20
    return account
