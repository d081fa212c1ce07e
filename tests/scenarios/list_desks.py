"""What the programs of mailing lists write to an address that somebody put on a list: please confirm. Any answer would.

In the shapes in which these programs send, each in its own words; `bare` is what is left of one behind a relay that
knows no field but the common ones.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from tests.scenarios.sender import Letter

TOKEN = "3f9c0d7a51b2"


class Desk(Struct, frozen=True):
    """A confirmation that asks to be answered."""

    author: str
    mail_from: str
    subject: str
    text: str
    fields: Mapping[str, str] = {}

    def letter(self, number: int, rcpt_to: str) -> Letter:
        """It, as sent to an address of ours."""
        message_id = f"<{number}.{TOKEN}@l.test>"
        fields = {
            "From": self.author,
            "To": rcpt_to,
            "Subject": self.subject,
            "Message-ID": message_id,
            "Date": "Mon, 5 Jan 2026 09:00:00 +0000",
            **self.fields,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return Letter(message_id, self.mail_from, rcpt_to, f"{head}\r\n{self.text}\r\n".encode())

    @property
    def bare(self) -> Desk:
        """It without any field that names a list or a machine."""
        return replace(self, fields={})


DESKS = {
    "Mailman 2": Desk(
        author=f"users-confirm+{TOKEN}@l.test",
        mail_from="users-bounces@l.test",
        subject=f"confirm {TOKEN}",
        text="Somebody asked to put this address on the list users. To confirm, reply and keep the subject.",
        fields={
            "Reply-To": f"users-confirm+{TOKEN}@l.test",
            "Precedence": "bulk",
            "X-BeenThere": "users@l.test",
            "X-Mailman-Version": "2.1.39",
            "List-Id": "<users.l.test>",
            "X-List-Administrivia": "yes",
            "Sender": "users-bounces@l.test",
        },
    ),
    "Mailman 2, to request": Desk(
        author="users-request@l.test",
        mail_from="users-bounces@l.test",
        subject=f"confirm {TOKEN}",
        text="Somebody asked to put this address on the list users. To confirm, reply and keep the subject.",
        fields={"Reply-To": "users-request@l.test", "Precedence": "bulk", "X-Mailman-Version": "2.1.39"},
    ),
    "Mailman 3": Desk(
        author=f"users-confirm+{TOKEN}@l.test",
        mail_from="users-bounces@l.test",
        subject="Your confirmation is needed to join the users@l.test mailing list.",
        text="Reply to this mail, unchanged, to become a member.",
        fields={"Precedence": "bulk", "X-Mailman-Version": "3.3.8", "List-Id": "<users.l.test>"},
    ),
    "Sympa": Desk(
        author="SYMPA <sympa@l.test>",
        mail_from="sympa-owner@l.test",
        subject=f"AUTH {TOKEN} SUBSCRIBE users",
        text="Reply to this mail to confirm the subscription.",
        fields={"Reply-To": "sympa@l.test", "X-Loop": "sympa@l.test", "Auto-Submitted": "auto-replied"},
    ),
    "Majordomo": Desk(
        author="Majordomo@l.test",
        mail_from="owner-majordomo@l.test",
        subject="Confirmation for subscribe users",
        text=f"Send this line back to Majordomo@l.test:\r\n\r\n\tauth {TOKEN} subscribe users desk@g.test",
        fields={"Reply-To": "Majordomo@l.test"},
    ),
    "ezmlm": Desk(
        author="users-help@l.test",
        mail_from="users-return-@l.test",
        subject="confirm subscribe to users@l.test",
        text="To confirm, send an empty reply to this mail.",
        fields={
            "Mailing-List": "contact users-help@l.test; run by ezmlm",
            "Delivered-To": "responder for users@l.test",
            "Reply-To": f"users-sc.1767600000.{TOKEN}-desk=g.test@l.test",
            "Precedence": "bulk",
        },
    ),
    "LISTSERV": Desk(
        author='"LISTSERV server (16.0)" <LISTSERV@l.test>',
        mail_from="owner-LISTSERV@l.test",
        subject=f"Command confirmation request ({TOKEN[:8].upper()})",
        text="Your command SUBSCRIBE USERS was received. Reply with OK to have it executed.",
    ),
}
