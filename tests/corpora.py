"""Mail and test suites of other projects. They stand beside the repository, are no part of it, and may be absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPORA = Path(os.environ.get("MAILGATE_CORPORA", Path(__file__).resolve().parents[1].parent / "shared" / "corpora"))


def absent(path: str) -> str:
    """Why tests that read `path` of the corpora are skipped; "" where it is there."""
    wanted = CORPORA / path
    return (
        "" if wanted.exists() else f"needs the corpora of other projects: {wanted}; MAILGATE_CORPORA names their folder"
    )


def needs(path: str) -> pytest.MarkDecorator:
    """Mark tests that read `path` of the corpora."""
    return pytest.mark.skipif(bool(absent(path)), reason=absent(path))
