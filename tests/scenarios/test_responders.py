"""A person whose mailbox answers by itself writes to us: we answer once or twice, her program answers at most each of
these, and then all is quiet, whatever the program is and however rudely it is set up.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scenarios import overlay, postfix
from tests.scenarios.programs import (
    POLITE_EXIM,
    POLITE_RECIPE,
    POLITE_SIEVE,
    REJECTING_SIEVE,
    RUDE_EXIM,
    RUDE_SIEVE,
    exim,
    procmail,
    rude_recipe,
    sieve,
    vacation,
)
from tests.scenarios.responders import DESK, PATIENT, Responder, Told, behind
from tests.scenarios.soaked import each_mode, soaked

pytestmark = pytest.mark.skipif(bool(postfix.missing()), reason=postfix.missing() or "-")

LETTERS = 3  # conversations that she begins herself, within the hour
MOST_AN_HOUR = 2  # automatic mails to one address; a stranger's first hour allows no more


def _needs(package: str, file: str) -> pytest.MarkDecorator:
    there = shutil.which(file) or Path(file).exists()
    return pytest.mark.skipif(not there, reason=f"needs the package {package}")


VACATION = (_needs("vacation", "vacation"),)
PROCMAIL = (_needs("procmail", "procmail"), _needs("procmail", "formail"))
DOVECOT = (
    _needs("dovecot-sieve", "/usr/lib/dovecot/modules/lib90_sieve_plugin.so"),
    _needs("dovecot-lmtpd", "/usr/lib/dovecot/lmtp"),
)
EXIM = (pytest.mark.skipif(bool(overlay.missing("exim")), reason=overlay.missing("exim") or "-"),)

POLITE = [
    pytest.param(vacation(), id="vacation", marks=VACATION),
    pytest.param(procmail(POLITE_RECIPE), id="procmail", marks=PROCMAIL),
    pytest.param(sieve(POLITE_SIEVE), id="sieve", marks=DOVECOT),
    pytest.param(exim(POLITE_EXIM), id="exim", marks=EXIM),
]
OWN_PATH = "sieve_vacation_send_from_recipient = yes"
RUDE = [
    pytest.param(vacation(days=0, options="-j"), id="vacation, each time", marks=VACATION),
    soaked(pytest.param(vacation(days=0, options="-j -z"), id="vacation, null path", marks=VACATION)),
    soaked(pytest.param(procmail(rude_recipe("-r")), id="procmail, to the path", marks=PROCMAIL)),
    pytest.param(procmail(rude_recipe("-rt")), id="procmail, to Reply-To", marks=PROCMAIL),
    soaked(pytest.param(procmail(rude_recipe("-rt", to=DESK)), id="procmail, to the desk", marks=PROCMAIL)),
    pytest.param(sieve(RUDE_SIEVE), id="sieve, null path", marks=DOVECOT),
    soaked(pytest.param(sieve(RUDE_SIEVE, settings=OWN_PATH), id="sieve, own path", marks=DOVECOT)),
    soaked(pytest.param(sieve(REJECTING_SIEVE), id="sieve, rejects", marks=DOVECOT)),
    pytest.param(exim(RUDE_EXIM), id="exim", marks=EXIM),
]


@pytest.mark.parametrize("program", POLITE)
async def test_a_program_as_its_manual_has_it_answers_none_of_our_automatic_mail(
    folder: Path, program: Responder
) -> None:
    async with behind(program, folder, mode="open") as both:
        for number in range(LETTERS):
            await both.writes(number)

        told = await both.told()
        assert told.answers == 0
        assert 1 <= told.automatic <= MOST_AN_HOUR


@pytest.mark.parametrize("program", [POLITE[0], *map(soaked, POLITE[1:])])
async def test_a_program_that_cannot_see_our_marks_ends_it_all_the_same(folder: Path, program: Responder) -> None:
    """Postfix between the two strips them, so that our automatic mail looks like a person's."""
    async with behind(program, folder, mode="guarded", strips=True, extra=PATIENT) as both:
        for number in range(LETTERS):
            await both.writes(number)

        _quiet_at_last(await both.told())


@each_mode
@pytest.mark.parametrize("program", RUDE)
async def test_a_program_that_answers_everything_unmarked_ends_it_too(
    folder: Path, program: Responder, mode: str
) -> None:
    """No mark, no thread, another subject each time: what ends it is the address that it answers, or the gate."""
    async with behind(program, folder, mode=mode, strips=True, extra=PATIENT) as both:
        for number in range(LETTERS):
            await both.writes(number)

        _quiet_at_last(await both.told())


def _quiet_at_last(told: Told) -> None:
    """She was told little, each word of ours was answered at most once, and people see every answer."""
    assert 1 <= told.automatic <= MOST_AN_HOUR
    assert 1 <= told.answers <= told.automatic
    assert told.places.total() == LETTERS + told.answers
    assert "consumed" not in {state for state, _ in told.places}
    assert "bounce" not in {kind for _, kind in told.places}
