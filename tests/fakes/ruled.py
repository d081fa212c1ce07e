"""A gateway under glass whose admin has rules of his own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from mailgate import rulebook


@contextmanager
def rule_folder(*tables: str) -> Iterator[Path]:
    """The shipped rule files and these `[[rule]]` tables beside them."""
    with TemporaryDirectory(prefix="mailgate-rules-") as place:
        folder = Path(shutil.copytree(rulebook.shipped_folder(), Path(place) / "rules"))
        (folder / "80-ours.toml").write_text("".join(f"[[rule]]\n{table}\n" for table in tables))
        read = rulebook.load
        book = read(folder)
        with pytest.MonkeyPatch.context() as patch:
            # Read once, however many gateways are opened with it.
            patch.setattr(rulebook, "load", lambda where, *more: book if where == folder else read(where, *more))
            yield folder


def desk(folder: Path, *redirect_to: str, mode: str = "open", **more: Any) -> dict[str, Any]:
    """What replaces the laboratory's configuration so that these rules hold."""
    return {
        "mailbox": [{"address": "support@g.test", "queue": "support", "mode": mode}],
        "rules": {"folder": str(folder), "redirect_to": list(redirect_to)},
        **more,
    }
