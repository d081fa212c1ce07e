"""Faces: `mailgate inject`, the pipe transport: one mail from a file or a mail server's pipe into the journal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from mailgate import wiring
from mailgate.cli import mailfile
from mailgate.cli.configured import settings_of
from mailgate.cli.frame import EXIT_BAD_INPUT, EXIT_NO_SUCH, EXIT_TRY_AGAIN, Command, Frame
from mailgate.cli.office import opened
from mailgate.config import Settings
from mailgate.daemon.neighbours import JOURNAL, tell
from mailgate.errors import TryAgain
from mailgate.intake import Door
from mailgate.model import Arrival, Peer, Reply, Role


@click.command("inject", cls=Command)
@click.option("--mail-from", required=True, help='The envelope sender; "" or "<>" is the null reverse-path.')
@click.option("--rcpt-to", required=True, multiple=True, help="An envelope recipient; may be given more than once.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.pass_obj
def inject(frame: Frame, mail_from: str, rcpt_to: tuple[str, ...], file: Path) -> int:
    """Hand in one mail from a file or a pipe. FILE - is standard input.

    Exit 0 when it is safe with us, 75 to try again, 67 for an unknown mailbox, 65 for an empty or oversize mail.
    """
    settings = settings_of(frame)
    try:
        raw = mailfile.read(file, settings.wire.size_bytes)
    except OSError as error:
        raise TryAgain(f"{file}: {error.strerror}") from error
    except ValueError as error:
        click.echo(f"mailgate: {error}", err=True)
        return EXIT_BAD_INPUT
    if not raw:
        click.echo("mailgate: an empty mail", err=True)
        return EXIT_BAD_INPUT
    answers = asyncio.run(_hand_in(settings, raw, mail_from, rcpt_to))
    for answer in answers:
        frame.tell({"code": answer.code, "text": answer.text}, str(answer))
    refused = [answer.code for answer in answers if answer.code >= 400]
    return 0 if not refused else EXIT_TRY_AGAIN if min(refused) < 500 else EXIT_NO_SUCH


async def _hand_in(settings: Settings, raw: bytes, mail_from: str, rcpt_to: tuple[str, ...]) -> list[Reply]:
    # The server that runs us has accepted the mail long since; nothing is known of the client it came from.
    peer = Peer(known=False, role=Role.BEHIND)
    arrival = Arrival(mail_from.strip("<>"), tuple(dict.fromkeys(rcpt_to)), raw, peer, wiring.clock())
    words: set[str] = set()
    async with opened(settings) as database:
        door = Door(database, wiring.gateway_of(settings), on_accepted=lambda: words.add(JOURNAL))
        answers = _refusals(door, arrival) or list(await door.accept(arrival))
        await tell(database, wiring.database_file(settings), words)
    return answers


def _refusals(door: Door, arrival: Arrival) -> list[Reply]:
    """What stands against the mail. A pipe has one answer for all recipients, so all are taken or none."""
    answers = [door.sender(arrival.mail_from, len(arrival.raw), arrival.peer)]
    answers += [door.recipient(address, arrival.mail_from, arrival.peer) for address in arrival.recipients]
    return [answer for answer in answers if answer]
