"""SPF by the public test suite of RFC 7208, each scenario with its own DNS.

The suite is not ours to ship: it is read where it lies beside the checkout.
"""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.net import spf
from mailgate.net.resolver import Exchange, Lookup, Missing, Names, Trouble
from tests.corpora import CORPORA, absent

SUITE = "suites/spf/rfc7208-tests.yml"
TESTS = 203  # of the suite's final version


class SuiteZone(Names):
    """The zone of one scenario of the public SPF test suite."""

    def __init__(self, data: dict[str, list[Any]]) -> None:
        self.data = {name.lower().rstrip("."): records for name, records in data.items()}

    async def ask(self, name: str, kind: str, hops: int = 0) -> Lookup[Any]:
        records = self.data.get(name.lower().rstrip("."), [])
        pairs = [pair for record in records if isinstance(record, dict) for pair in record.items()]
        alias = next((value for found, value in pairs if found == "CNAME"), None)
        if alias and hops < 10:
            return await self.ask(alias, kind, hops + 1)
        # A record of the obsolete type SPF stands for TXT too, unless the scenario gives its own TXT.
        kinds = {kind} if kind != "TXT" or any(found == "TXT" for found, _ in pairs) else {"SPF"}
        values = [value for found, value in pairs if found in kinds and value != "NONE"]
        nothing = Trouble("timeout") if "TIMEOUT" in records else Missing()
        return tuple(_rdata(kind, value) for value in values) or nothing


def _rdata(kind: str, value: Any) -> Any:
    if kind == "TXT":
        return "".join(value if isinstance(value, list) else [value]).encode("latin-1")
    if kind == "MX":
        return Exchange(value[0], value[1])
    return value


def _suite() -> list[Any]:
    if reason := absent(SUITE):
        return [pytest.param({}, {}, marks=pytest.mark.skip(reason=reason), id="suite")]
    import yaml

    scenarios = list(yaml.safe_load_all((CORPORA / SUITE).read_bytes()))
    return [
        pytest.param(test, scenario["zonedata"], id=name)
        for scenario in scenarios
        if scenario
        for name, test in scenario["tests"].items()
    ]


SUITE = _suite()


def test_no_test_of_the_suite_is_left_out() -> None:
    assert len(SUITE) in {1, TESTS}  # the one says why all are


@pytest.mark.parametrize(("test", "zonedata"), SUITE)
async def test_the_public_spf_suite_agrees(test: dict[str, Any], zonedata: dict[str, list[Any]]) -> None:
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]

    found = await spf.check(
        SuiteZone(zonedata), ip=str(test["host"]), helo=str(test["helo"]), mail_from=str(test.get("mailfrom") or "")
    )

    assert found.result in wanted
