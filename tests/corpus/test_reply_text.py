"""Measures on replies that other projects collected. The corpora stand beside the repository, not in it."""

import json
from pathlib import Path

import pytest

from mailgate.mail.reply import reply_of
from mailgate.rulebook import quotes_in, shipped_folder
from tests.corpora import CORPORA, needs

TRUTH = CORPORA / "truth_reply_extraction.json"
LEAST_EXACT = 0.85
TEXTS = "*reply*/test/emails/*.txt", "*reply*/test/fixtures/*.txt"

pytestmark = needs("truth_reply_extraction.json")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")


def test_most_replies_are_found_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    quotes = quotes_in(shipped_folder())
    truth = [one for one in json.loads(TRUTH.read_text()) if one["input"] == "text"]
    replies = {one["path"]: reply_of(read(CORPORA / one["path"]), quotes).text for one in truth}
    missed = [one["path"] for one in truth if replies[one["path"]].split() != one["reply"].split()]
    with capsys.disabled():
        print(f"\n{len(truth) - len(missed)} of {len(truth)} replies are exact; missed: {', '.join(missed) or 'none'}")
    assert len(missed) <= (1 - LEAST_EXACT) * len(truth)


def test_no_reply_is_emptied() -> None:
    quotes = quotes_in(shipped_folder())
    texts = {path: read(path) for pattern in TEXTS for path in CORPORA.glob(pattern)}
    assert texts, "there are replies to measure"
    emptied = [path for path, text in texts.items() if text.strip() and not reply_of(text, quotes).text.strip()]
    assert emptied == []
