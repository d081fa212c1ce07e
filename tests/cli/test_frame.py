"""The command line as a whole: options anywhere, exit codes that mail systems read, text that no terminal obeys."""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from mailgate.cli import COMMANDS, cli, run
from mailgate.cli.frame import as_json, printable, table
from tests.cli.conftest import Run


def test_every_command_says_in_its_file_what_the_overview_says() -> None:
    context = click.Context(cli)
    for name, words in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert (command.help or "").startswith(words.rstrip(".")), name


def test_help_is_there_at_once() -> None:
    program = [str(Path(sys.executable).with_name("mailgate")), "--help"]
    took_s = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(program, check=True, capture_output=True)
        took_s.append(time.perf_counter() - begun)
    # The budget is 200 ms; a busy machine may take longer, but never for want of laziness, which costs a second.
    assert min(took_s) < 0.5


def test_help_imports_none_of_the_rooms() -> None:
    code = "import sys, mailgate.cli; print([m for m in sys.modules if m in ('sqlalchemy', 'pydantic', 'asyncio')])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "line",
    [
        ["--json", "--config", "C", "rules", "check"],
        ["rules", "--json", "--config", "C", "check"],
        ["rules", "check", "--json", "--config", "C"],
    ],
    ids=["before", "between", "after"],
)
def test_shared_options_stand_anywhere(line: list[str], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = run([str(folder / "config.toml") if word == "C" else word for word in line])
    assert code == 0
    assert set(json.loads(capfd.readouterr().out)) >= {"folder", "version", "notes"}


def test_the_configuration_comes_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAILGATE_CONFIG", str(folder / "config.toml"))
    assert run(["rules", "check"]) == 0
    assert "is in order" in capfd.readouterr().out


def test_the_configuration_comes_from_the_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAILGATE_CONFIG", raising=False)
    monkeypatch.chdir(folder)
    assert run(["rules", "check"]) == 0


def test_a_missing_configuration_is_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--config", str(tmp_path / "no.toml"), "ledger"]) == 78
    assert "no.toml" in capfd.readouterr().err


@pytest.mark.parametrize("line", [["nonsense"], ["rules", "nonsense"], ["keys", "init", "extra"], ["--nonsense"]])
def test_a_command_line_that_makes_no_sense_is_64(line: list[str]) -> None:
    assert run(line) == 64


def test_all_faults_of_a_configuration_are_told(mailgate: Run, folder: Path) -> None:
    (folder / "config.toml").write_text("[gateway]\nnam = 1\n[[mailbox]]\n")
    told = mailgate("keys", "init")
    assert told.code == 78
    places = [line for line in told.err.splitlines() if "config.toml:" in line or ": found" in line]
    assert len(places) == 4
    assert "config.toml:2:1: gateway.nam: found an unknown key\n  2 | nam = 1\n    | ^^^\n" in told.err


def test_a_table_is_aligned_whatever_stands_in_it() -> None:
    rows = [
        {"a": 1, "b_c": "日本", "d": None},
        {"a": 200, "b_c": "x\ny\x1b[31m", "d": datetime(2026, 1, 1, tzinfo=UTC)},
    ]
    assert list(table(rows, ["a", "b_c", "d"])) == [
        "a    b c       d",
        "1    日本      -",
        "200  x y�[31m  2026-01-01 00:00:00",
    ]


def test_no_text_reaches_a_terminal_as_a_command() -> None:
    assert printable("a\x1b]0;title\x07\nb\u202e\x9b") == "a�]0;title�\nb��"


def test_json_is_one_line_of_ascii() -> None:
    line = as_json({"text": "ä\n\u2028\x9b", "at": datetime(2026, 1, 1, tzinfo=UTC)})
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == {"text": "ä\n\u2028\x9b", "at": "2026-01-01T00:00:00+00:00"}
