"""What is there after a scenario, held against its expect.toml.

    sent = 1                      mails that the next hop was handed; 0 unless it stands there
    [ledger]                      `mailgate ledger`, automatic mail included; what is not named is 0
    [[mail]]                      each accepted mail, once per recipient, in order
    from, to, state, kind, notes, ip, size_bytes
    proof, reason                 regular expressions
    raw                           every byte of it, written as in a dialogue
    [[ticket]] [[held]] [[outbox]] [[shunted]]
                                  what the command lists; keys are those of its JSON, text a regular expression

Only what is named is compared, but a list that is named is complete. Besides, every scenario must leave each accepted
mail judged and explained, the ledger balanced, and no error in the log.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zstandard

from tests.fakes.sink import Sink
from tests.scenarios.daemon import Daemon
from tests.wire.script import octets

LISTS = {
    "ticket": ("tickets", "list", "--all"),
    "held": ("held", "list", "--parked"),
    "outbox": ("outbox", "list"),
    "shunted": ("shunted", "list"),
}
UNCOUNTED = {"refused", "suppressed"}  # in the ledger: what was asked and denied is compared only where it is named

MAILS = """
    SELECT journal.mail_from AS "from", rcpt_to AS "to", state, kind, notes, peer, held_reason AS reason, size_bytes,
           zstd, verdict
    FROM journal JOIN raw ON raw.id = journal.raw_id LEFT JOIN message ON message.journal_id = journal.id
    ORDER BY journal.id
"""
COLUMNS = ("from", "to", "state", "kind", "notes", "peer", "reason", "size_bytes", "zstd", "verdict")


async def holds(script: Path, daemon: Daemon, sink: Sink) -> None:
    """See that all is as expected, once it has come to rest. Raises AssertionError."""
    expected = tomllib.loads((script / "expect.toml").read_text())
    await daemon.settled()
    mails = [_mail(dict(zip(COLUMNS, row, strict=True))) for row in daemon.rows(MAILS)]
    assert [mail for mail in mails if mail["state"] != "shunted" and not mail["verdict"]] == []
    assert [line for line in daemon.log if line.get("level") == "error"] == []
    _ledger(expected.pop("ledger"), (await daemon.command("ledger"))[0])
    assert len(sink.mails) == expected.pop("sent", 0)
    if "mail" in expected:
        _compare("mail", expected.pop("mail"), mails)
    for name, objects in expected.items():
        _compare(name, objects, await daemon.command(*LISTS[name]))


def _ledger(expected: Mapping[str, int], found: dict[str, Any]) -> None:
    assert found.pop("balanced") is True
    counts = found | found.pop("automatic")
    named = {name for name in counts if name in expected or name not in UNCOUNTED}
    assert {name: counts[name] for name in named} == dict.fromkeys(named, 0) | dict(expected)


def _mail(row: dict[str, Any]) -> dict[str, Any]:
    verdict = json.loads(row["verdict"] or "null")
    raw = zstandard.ZstdDecompressor().decompress(row["zstd"])
    return row | {
        "notes": json.loads(row["notes"]),
        "ip": json.loads(row["peer"]).get("ip", ""),
        "verdict": verdict,
        "proof": verdict["authentication"]["why"] if verdict else "",
        "raw": raw,
    }


def _compare(name: str, expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    assert len(found) == len(expected), f"{name}: {found}"
    for number, (wanted, given) in enumerate(zip(expected, found, strict=True), 1):
        for key, value in wanted.items():
            assert _is_as(value, given[key]), f"{name} {number}: {key}: expected {value!r}, found {given[key]!r}"


def _is_as(wanted: Any, given: Any) -> bool:
    if isinstance(given, bytes):
        return given == octets(wanted)
    return bool(re.fullmatch(wanted, given)) if isinstance(given, str) else bool(wanted == given)
