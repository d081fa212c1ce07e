"""Faces: how long work shows that it goes on: a bar on standard error, where somebody looks at it."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

import click

_UNITS = ("bytes", "KB", "MB", "GB", "TB")


class Bar:
    """A bar that grows when it learns that there is more to do. Called from one thread at a time."""

    def __init__(self, label: str, *, hidden: bool) -> None:
        """With `hidden` it is not shown, nor where nobody looks: cron would send it by mail."""
        self._raw_bytes = 0
        self._bar: Any = click.progressbar(
            length=0,
            label=label,
            file=sys.stderr,
            hidden=hidden or not sys.stderr.isatty(),
            item_show_func=lambda _: self._moved(),
        )

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def expect(self, rows: int) -> None:
        """So many more are to come."""
        self._bar.length = (self._bar.length or 0) + rows
        self._bar.finished = False

    def advance(self, rows: int, raw_bytes: int = 0) -> None:
        """So many are done, with so many bytes of mail."""
        self._raw_bytes += raw_bytes
        self._bar.update(rows, self._bar.current_item)

    def _moved(self) -> str | None:
        return in_words(self._raw_bytes) if self._raw_bytes else None


def in_words(size_bytes: float) -> str:
    """`1536` as "1.5 KB"."""
    unit = 0
    while size_bytes >= 1024 and unit < len(_UNITS) - 1:
        size_bytes, unit = size_bytes / 1024, unit + 1
    return f"{size_bytes:.1f} {_UNITS[unit]}" if unit else f"{size_bytes:.0f} bytes"
