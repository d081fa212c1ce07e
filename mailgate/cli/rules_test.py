"""Faces: `mailgate rules test`: every rule about a mail, condition by condition, and what comes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from mailgate.cli import explain_words, faultwords
from mailgate.cli.explain import moment, question, settings_or_lab
from mailgate.cli.frame import EXIT_BAD_INPUT, Command, Frame, as_json, printable
from mailgate.cli.rules_examples import Answer, Asker, count, counted, failing
from mailgate.cli.rules_folder import Named, named
from mailgate.judge.ruling import acting, telling
from mailgate.judge.ruling.telling import RuleTold, Told
from mailgate.model import Priority, Ruling

MOST_FAR = 20  # rules of which nothing is met, one line each, before the rest is only counted


@click.command("test", cls=Command)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option("--rules", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR")
@click.option(
    "--assume-auth",
    type=click.Choice(["pass", "none", "verify"]),
    default="none",
    show_default=True,
    help="Whether the author counts as proven; verify asks DNS for DKIM keys.",
)
@click.option("--mail-from", help="The envelope sender; else the topmost Return-Path, else From.")
@click.option("--rcpt-to", help="The envelope recipient; else the first address in To or Cc. It counts as ours.")
@click.option("--now", callback=lambda _ctx, _param, text: moment(text), help="The time it comes; else its Date.")
@click.option("--all", "everything", is_flag=True, help="Every condition of every rule.")
@click.pass_obj
def test(
    frame: Frame,
    /,
    *,
    paths: tuple[Path, ...],
    folder: Path | None,
    assume_auth: str,
    everything: bool,
    **given: Any,
) -> int:
    """Ask every rule about the mails in FILE..., and say which condition met which value.

    Without a FILE all examples of the rules are tried: exit 1 where one does not come out as it says. With --rules the
    rules in DIR are asked in place of your own. Nothing is stored, nothing is sent, and no sender is known.
    """
    settings = settings_or_lab(frame)
    rules = named(settings, folder)
    asker = Asker(rules, question(settings, rules.book, assume_auth, **given))
    if not paths:
        return _examples(frame, rules, asker)
    answers = [(path, asker.about(path)) for path in paths]
    for path, answer in answers:
        _tell(frame, str(path), answer, asker, everything=everything)
    return EXIT_BAD_INPUT if any(answer.found["error"] for _, answer in answers) else 0


def _examples(frame: Frame, rules: Named, asker: Asker) -> int:
    tried = count(rules.book.signals.rules.all)
    failed = rules.shown(failing(rules, asker))
    facts = {"rules": len(rules.book.signals.rules.all), "examples": tried, "failed": to_builtins(failed)}
    if frame.json:
        click.echo(as_json(facts))
        return 1 if failed else 0
    if failed:
        click.echo(faultwords.told(failed))
    words = "all come out as they say" if not failed else f"{len(failed)} do not come out as they say"
    click.echo(f"{counted(len(rules.book.signals.rules.all), tried)}: {words}.")
    return 1 if failed else 0


def _tell(frame: Frame, path: str, answer: Answer, asker: Asker, *, everything: bool) -> None:
    told = list(telling.tell(asker.rules, answer.values)) if answer.values else []
    acted = _acted(told)
    ruling = acting.merged([one.rule for one in told if one.rule.name in acted and not one.rule.shadow])
    if frame.json:
        facts = {"rules": [_facts(one, acted) for one in told], "ruling": to_builtins(ruling)}
        click.echo(as_json(answer.found | facts))
        return
    click.echo(printable("\n".join(_lines(path, answer, told, ruling, everything=everything))))


def _acted(told: list[RuleTold]) -> set[str]:
    """The rules that hold and are asked: those after one that stops are not."""
    found: set[str] = set()
    for one in told:
        if one.holds:
            found.add(one.rule.name)
            if one.rule.stop and not one.rule.shadow:
                break
    return found


def _facts(told: RuleTold, acted: set[str]) -> dict[str, object]:
    rule = told.rule
    return {
        "name": rule.name,
        "place": rule.place,
        "says": rule.says,
        "shadow": rule.shadow,
        "stop": rule.stop,
        "holds": told.holds,
        "asked": not told.holds or rule.name in acted,
        "conditions": to_builtins(told.parts),
    }


# ── In words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(path: str, answer: Answer, told: list[RuleTold], ruling: Ruling, *, everything: bool) -> Iterator[str]:
    verdict = list(explain_words.lines(answer.found))
    if answer.found["error"]:
        yield from verdict
        return
    yield path
    if answer.values is None:
        yield "  no rule is asked: what it is says already where it goes"
    elif not told:
        yield "  there are no rules"
    else:
        yield from _rules(told, everything=everything)
        yield f"  {'Rules say':<15}{_together(ruling)}"
    if answer.values is not None:
        (mailbox,) = answer.values("mailbox")
        yield f"  {'In the mailbox':<15}{mailbox}, whose mode is {answer.mode}"
    yield from verdict[1:]


def _rules(told: list[RuleTold], *, everything: bool) -> Iterator[str]:
    signs = marks(sys.stdout.encoding)
    far, stopped = 0, ""
    for one in told:
        near = everything or one.holds or any(part.holds for part in _claims(one.parts))
        far += not near
        if far > MOST_FAR and not near:
            continue
        yield from _rule(one, signs, near=near, stopped=stopped)
        if one.holds and one.rule.stop and not one.rule.shadow:
            stopped = stopped or one.rule.name
    if far > MOST_FAR:
        yield f"  {signs[False]} {far - MOST_FAR} more rules of which nothing is met (--all shows them)"


def _rule(told: RuleTold, signs: tuple[str, str], *, near: bool, stopped: str) -> Iterator[str]:
    rule = told.rule
    says = f"{rule.says}, stop" if rule.stop else rule.says
    shadow = " (shadow: only counted)" if rule.shadow else ""
    late = f"; not asked: {stopped!r} stopped" if stopped and told.holds else ""
    yield f"  {signs[told.holds]} {rule.name} ({rule.place}): {says}{shadow}{late}"
    if near:
        for part in told.parts:
            yield from _condition(part, signs, 6)
    else:
        yield from (line for part in told.parts[:1] for line in _condition(part, signs, 6))


def _condition(told: Told, signs: tuple[str, str], indent: int) -> Iterator[str]:
    after = ""
    if not told.parts:
        after = f": {told.saw!r}" if told.holds else f"; {telling.met_instead(told)}"
    yield f"{' ' * indent}{signs[told.holds]} {told.words}{after}"
    for part in told.parts:
        yield from _condition(part, signs, indent + 4)
    if told.parts and told.more:
        yield f"{' ' * (indent + 4)}and {told.more} more"


def _claims(parts: tuple[Told, ...]) -> Iterator[Told]:
    """The single conditions that make a rule hold; what must not be is none of them."""
    for part in parts:
        if part.words != telling.NONE_OF:
            yield from _claims(part.parts) if part.parts else (part,)


def marks(encoding: str | None) -> tuple[str, str]:
    """For what does not hold and what does, as a terminal of this encoding can show them."""
    try:
        "✗✓".encode(encoding or "ascii")
    except UnicodeEncodeError:
        return ("-", "+")
    return ("✗", "✓")


def _together(ruling: Ruling) -> str:
    routed = ruling.routed
    said = {
        "queue": routed.queue,
        "priority": routed.priority if routed.priority is not Priority.NORMAL else "",
        "assign": routed.assignee,
        "tag": ", ".join(routed.tags),
        "hold": ruling.hold,
        "quiet": ruling.quiet,
        "trust once": ruling.trust,
        "answer never": ruling.silent,
        "answer": routed.template,
        "reject": ruling.reject and f"{ruling.reject}: {ruling.rejected_by}",
        "points": ruling.score and f"{ruling.score:+g}",
        "redirect": ruling.redirect and f"{ruling.redirect}: {ruling.redirected_by}",
        "webhook": ", ".join(ruling.routed.webhooks),
    }
    return "; ".join(f"{name} {value}" for name, value in said.items() if value) or "nothing"
