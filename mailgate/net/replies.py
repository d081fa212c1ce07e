"""Every reply that the wire gives by itself, and how a reply is written. Knows no socket and no policy.

Codes are those of RFC 5321 section 4.2, the numbers behind them those of RFC 3463.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mailgate.model import Reply

MAX_TEXT_OCTETS: Final = 400  # RFC 5321 section 4.5.3.1.5 allows a line of 512, code and line end included

# ── Done ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
OK: Final = Reply(250, "2.0.0 Ok")
SENDER_OK: Final = Reply(250, "2.1.0 Ok")
RECIPIENT_OK: Final = Reply(250, "2.1.5 Ok")
GO_AHEAD: Final = Reply(354, "End data with <CR><LF>.<CR><LF>")
READY_FOR_TLS: Final = Reply(220, "2.0.0 Ready to start TLS")
BYE: Final = Reply(221, "2.0.0 Bye", close=True)
HELP: Final = Reply(214, "2.0.0 See RFC 5321")
NOT_VERIFIED: Final = Reply(252, "2.5.0 Send some mail, it will be tried")

# ── Wrongly said ──────────────────────────────────────────────────────────────────────────────────────────────────────
UNKNOWN_COMMAND: Final = Reply(500, "5.5.2 Command not recognized")
LINE_TOO_LONG: Final = Reply(500, "5.5.2 Line too long")
BARE_LINE_FEED: Final = Reply(500, "5.5.2 A command ends with <CR><LF>")
OTHER_HELLO: Final = Reply(500, "5.5.1 Command not recognized")
BAD_ARGUMENT: Final = Reply(501, "5.5.4 Bad argument")
BAD_SENDER: Final = Reply(501, "5.1.7 Bad sender address syntax")
BAD_RECIPIENT: Final = Reply(501, "5.1.3 Bad recipient address syntax")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1 Command not implemented")
HELLO_FIRST: Final = Reply(503, "5.5.1 Say hello first")
MAIL_FIRST: Final = Reply(503, "5.5.1 Need MAIL first")
RECIPIENT_FIRST: Final = Reply(503, "5.5.1 Need a valid recipient first")
NESTED: Final = Reply(503, "5.5.1 A transaction is under way")
TLS_ALREADY: Final = Reply(503, "5.5.1 TLS is already active")
NEEDS_UTF8: Final = Reply(553, "5.6.7 This address needs SMTPUTF8")
NO_RECIPIENTS: Final = Reply(554, "5.5.1 No valid recipients")
UNSUPPORTED: Final = Reply(555, "5.5.4 Parameter not supported")
OUT_OF_STEP: Final = Reply(554, "5.5.0 SMTP protocol synchronization", close=True)
NOT_YOUR_WORD: Final = Reply(550, "5.7.0 Insufficient authorization")

# ── Too much ──────────────────────────────────────────────────────────────────────────────────────────────────────────
TOO_BIG: Final = Reply(552, "5.3.4 Message size exceeds the limit")
SMUGGLED: Final = Reply(550, "5.5.2 A lone dot between line ends that are not <CR><LF>", close=True)
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3 Too many recipients")
ONE_BOUNCE_ONE_RECIPIENT: Final = Reply(452, "4.5.3 One recipient at a time for the null sender")
TOO_MANY_UNKNOWN: Final = Reply(421, "4.7.0 Too many unknown recipients", close=True)
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0 Too many errors", close=True)
TOO_MUCH_JUNK: Final = Reply(421, "4.7.0 Too many commands without a mail", close=True)
CROWDED: Final = Reply(421, "4.3.2 Too many connections, try again later", close=True)
CROWDED_NETWORK: Final = Reply(421, "4.7.0 Too many connections from your network", close=True)

# ── Too late ──────────────────────────────────────────────────────────────────────────────────────────────────────────
COMMAND_LATE: Final = Reply(421, "4.4.2 Timed out waiting for a command", close=True)
BLOCK_LATE: Final = Reply(421, "4.4.2 Timed out waiting for message data", close=True)
DATA_SLOW: Final = Reply(421, "4.4.2 Message data came too slowly", close=True)
TRANSACTION_LATE: Final = Reply(421, "4.4.2 The transaction took too long", close=True)

# ── Our side ──────────────────────────────────────────────────────────────────────────────────────────────────────────
TRY_AGAIN: Final = Reply(451, "4.3.0 Try again later")
NO_ANSWER: Final = Reply(421, "4.3.0 Try again later", close=True)
SHUTTING_DOWN: Final = Reply(421, "4.3.2 Shutting down, try again later", close=True)
NO_TLS: Final = Reply(454, "4.7.0 TLS not available")


# What counts towards the limit of errors: mistakes of the client alone, never a refusal that a careful client can meet.
MISTAKES: Final = frozenset(
    (
        UNKNOWN_COMMAND, LINE_TOO_LONG, BARE_LINE_FEED, OTHER_HELLO, BAD_ARGUMENT, BAD_SENDER, BAD_RECIPIENT,
        NOT_IMPLEMENTED, HELLO_FIRST, MAIL_FIRST, RECIPIENT_FIRST, NESTED, TLS_ALREADY, UNSUPPORTED, NOT_YOUR_WORD,
    )
)  # fmt: skip


# Nearly every reply is one of the above.
@lru_cache(maxsize=256)
def render(reply: Reply) -> bytes:
    """The reply as it goes over the wire. Lines of its text become lines of one reply (RFC 5321 section 4.2.1).

    Whoever wrote the text, what leaves is printable ASCII of at most 400 octets a line.
    """
    if reply.text.isascii() and reply.text.isprintable() and len(reply.text) <= MAX_TEXT_OCTETS:
        return b"%d %s\r\n" % (reply.code, reply.text.encode("ascii"))
    *before, last = [_line(line) for line in reply.text.split("\n")]
    return b"".join([b"%d-%s\r\n" % (reply.code, line) for line in before]) + b"%d %s\r\n" % (reply.code, last)


def _line(text: str) -> bytes:
    shown = text[:MAX_TEXT_OCTETS]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(char if char.isascii() and char.isprintable() else "?" for char in shown)
    return shown.encode("ascii")
