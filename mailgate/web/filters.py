"""Two filters of the templates: a time for people, and text whose links can be followed."""

from __future__ import annotations

from datetime import datetime

import re2
from markupsafe import Markup, escape

# What a sentence puts behind a link is not part of it.
LINK = re2.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?')\]}]")


def as_time(at: datetime) -> Markup:
    """Say a time on this machine's own clock, to the second."""
    here = at.astimezone()
    return Markup('<time datetime="{}">{} {:%b, %H:%M:%S}</time>').format(at.isoformat(), here.day, here)


def with_links(text: str) -> Markup:
    """Escape `text` and make every web address in it a link."""
    pieces, end = [], 0
    for match in LINK.finditer(text):
        pieces += [escape(text[end : match.start()]), _link(match.group())]
        end = match.end()
    return Markup("").join([*pieces, escape(text[end:])])


def _link(url: str) -> Markup:
    return Markup('<a href="{0}" target="_blank" rel="noopener noreferrer" title="Opens in a new tab">{0}</a>').format(
        url
    )
