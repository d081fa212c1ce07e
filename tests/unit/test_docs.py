"""What the documents say of the tree and the commands is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailgate.cli import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PLACE = re.compile(r"`((?:mailgate|rules(?!/local)|tests|benchmarks|systemd|docs)/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)#:]+)\)")
COMMAND = re.compile(r"^    mailgate ([a-z]+)", re.MULTILINE)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@every_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    named = PLACE.findall(document.read_text())
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_document
def test_every_link_leads_somewhere(document: Path) -> None:
    linked = LINK.findall(document.read_text())
    assert [name for name in linked if not (document.parent / name).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    named = set(COMMAND.findall((ROOT / "README.md").read_text()))
    assert named
    assert named - set(COMMANDS) == set()


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert [line.split("#")[0].strip() for line in lines[2:4]] == ["make run", "make test"]
