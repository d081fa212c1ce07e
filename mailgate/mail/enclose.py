"""A file as a part of a mail of ours: base64, under a name that is safe to save. Opens no file. Never raises."""

from __future__ import annotations

from email.message import MIMEPart
from email.policy import SMTP

import re2

from mailgate.mail.attachments import safe_name
from mailgate.model import Attachment

UNNAMED = "attachment"
UNKNOWN_TYPE = "application/octet-stream"
LONGEST_TYPE = 127  # RFC 6838 section 4.2

# RFC 6838 section 4.2. A message or a multipart may not be base64 (RFC 2046 section 5.2.1), so it goes as bytes.
_TYPE = re2.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_STRUCTURED = ("message/", "multipart/")


def part(file: Attachment) -> bytes:
    """Header, empty line and base64 of one file, CRLF lines; a name that is not ASCII is written as RFC 2231 has it."""
    made = MIMEPart(policy=SMTP)
    name = safe_name(file.name.encode("utf-8", "replace").decode()) or UNNAMED
    kind, _, form = media_type(file.media_type).partition("/")
    made.set_content(file.content, kind, form, cte="base64", disposition="attachment", filename=name)
    return made.as_bytes()


def media_type(written: str) -> str:
    """`written` where it is a media type that can be sent as bytes, else the one that says nothing."""
    lower = written.lower()
    known = len(lower) <= LONGEST_TYPE and _TYPE.fullmatch(lower) and not lower.startswith(_STRUCTURED)
    return lower if known else UNKNOWN_TYPE
