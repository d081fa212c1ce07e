"""ARC chains: the validation suite of the protocol's authors, and what the suite does not ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailgate.net import arc, dkim_guard
from mailgate.net.arc import Chain
from mailgate.net.resolver import Missing

SUITE = Path(__file__).parents[2] / "../shared/corpora/suites/arc/tests/arc-draft-validation-tests.yml"


def validated(raw: bytes, records: dict[str, bytes]) -> Chain:
    head, body = dkim_guard.split(raw)
    header = dkim_guard.fields(head) or []
    chain = arc.sets(header)
    if isinstance(chain, Chain):
        return chain
    keys = {name: (records[name],) if name in records else Missing() for name in arc.key_names(chain)}
    return arc.verify(header, body, chain, keys)


def cases() -> Iterator[Any]:
    if not SUITE.exists():
        yield pytest.param("", {}, "", marks=pytest.mark.skip(f"the ARC suite does not lie at {SUITE}"))
        return
    for scenario in yaml.safe_load_all(SUITE.read_text()):
        for name, test in scenario["tests"].items() if scenario else ():
            yield pytest.param(test["message"], scenario["txt-records"], test["cv"], id=name)


@pytest.mark.parametrize(("message", "records", "expected"), list(cases()))
def test_the_suite_of_the_protocol_s_authors(message: str, records: dict[str, str], expected: str) -> None:
    chain = validated(message.replace("\n", "\r\n").encode(), {name: text.encode() for name, text in records.items()})

    # The suite says nothing of a chain that says itself that it failed; RFC 8617 section 5.2 step 2: it has failed.
    assert chain.result == (expected or "fail").lower()
