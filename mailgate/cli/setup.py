"""Faces: `mailgate setup`: the lines to put into a mail server or a mail service, made from our own configuration."""

from __future__ import annotations

import re
from dataclasses import replace

import click
from jinja2 import Environment, PackageLoader, StrictUndefined

from mailgate.cli.configured import settings_of
from mailgate.cli.frame import Frame, Group
from mailgate.cli.setups import site
from mailgate.cli.setups.site import Site
from mailgate.config.shapes import is_loopback

# What POSIX calls special in extended regular expressions, and the slash that ends a pattern of Postfix.
_SPECIAL = re.compile(r"([.\[\]{}()*+?^$|\\/])")


@click.group("setup", cls=Group)
def setup() -> None:
    """Print what a mail server beside us must be told. Nothing is changed."""


_shared = click.option(
    "--shared", multiple=True, metavar="DOMAIN", help="Others have mailboxes in this domain too; may be repeated."
)
_listener = click.option(
    "--listener", default="", metavar="BIND", help="Which of our listeners takes the mail, by its `bind`."
)


@setup.command("postfix")
@_shared
@_listener
@click.pass_obj
def postfix(frame: Frame, shared: tuple[str, ...], listener: str) -> None:
    """Print a shell script that puts Postfix before mailgate."""
    _show(frame, "postfix.sh", _behind(frame, shared, listener), shared)


@setup.command("exim")
@_shared
@_listener
@click.pass_obj
def exim(frame: Frame, shared: tuple[str, ...], listener: str) -> None:
    """Print a shell script that puts Exim, as Debian configures it, before mailgate."""
    _show(frame, "exim.sh", _behind(frame, shared, listener, unix=False), shared)


@setup.command("opensmtpd")
@_shared
@_listener
@click.pass_obj
def opensmtpd(frame: Frame, shared: tuple[str, ...], listener: str) -> None:
    """Print a shell script that puts OpenSMTPD before mailgate."""
    _show(frame, "opensmtpd.sh", _behind(frame, shared, listener, unix=False), shared)


@setup.command("microsoft365")
@_shared
@click.pass_obj
def microsoft365(frame: Frame, shared: tuple[str, ...]) -> None:
    """Print what to set in Microsoft 365."""
    _show(frame, "microsoft365.txt", _hosted(frame, shared), shared)


@setup.command("google")
@_shared
@click.pass_obj
def google(frame: Frame, shared: tuple[str, ...]) -> None:
    """Print what to set in Google Workspace."""
    _show(frame, "google.txt", _hosted(frame, shared), shared)


def _hosted(frame: Frame, shared: tuple[str, ...]) -> Site:
    try:
        return site.hosted(settings_of(frame), shared)
    except LookupError as error:
        raise click.BadParameter(str(error)) from error


def _behind(frame: Frame, shared: tuple[str, ...], listener: str, *, unix: bool = True) -> Site:
    try:
        return site.behind(settings_of(frame), shared, wanted=listener, unix=unix)
    except LookupError as error:
        raise click.BadParameter(str(error)) from error


def _show(frame: Frame, name: str, made: Site, shared: tuple[str, ...]) -> None:
    """The text of this name; as JSON, one object for each warning, our own tables, and the text without them."""
    values = {
        # In JSON the warnings and our own tables are objects of their own.
        "site": replace(made, warnings=(), changes="") if frame.json else made,
        "signed": site.SIGNED,
        "bounce": site.BOUNCE,
        "shared_options": "".join(f" --shared {domain}" for domain in shared),
        "relay_is_local": is_loopback(made.relay),
    }
    text = _texts().get_template(name).render(values)
    if not frame.json:
        click.echo(text)
        return
    for warning in made.warnings:
        frame.tell({"part": "warning", "text": warning}, "")
    if made.changes:
        frame.tell({"part": "config.toml", "text": made.changes}, "")
    frame.tell({"part": name, "text": text}, "")


def _texts() -> Environment:
    # Shell scripts and configuration files, not HTML: what stands in them is checked by the configuration, and `ere`
    # quotes it for patterns.
    texts = Environment(
        loader=PackageLoader("mailgate.cli", "setups"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - see above
    )
    texts.filters["ere"] = _ere
    return texts


def _ere(text: str) -> str:
    """`text` as an extended regular expression that matches nothing else."""
    return _SPECIAL.sub(r"\\\1", text)
