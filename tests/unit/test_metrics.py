"""What is counted of the roads' work, and that no sender chooses what it is counted under."""

import asyncio
import math
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from mailgate.daemon import metrics as module
from mailgate.daemon.metrics import Metrics
from mailgate.errors import TryAgain
from mailgate.judge import verdict
from mailgate.judge.ask import ask
from mailgate.judge.docket import Outcome
from mailgate.judge.history import History
from mailgate.model import (
    Answer,
    Breaker,
    BreakerState,
    Due,
    Filing,
    Level,
    OutboxState,
    Peer,
    Protocol,
    Purpose,
    Role,
    Scope,
    Settlement,
)
from mailgate.store.watch import Depth, Queue
from tests.fakes.judging import START, Judging, Letter, rulebook

ROOT = Path(__file__).parents[2]
Samples = dict[str, float]


async def nothing_waits() -> list[Depth]:
    return []


def made() -> Metrics:
    return Metrics("1.2.3", nothing_waits, lambda: START)


async def text_of(metrics: Metrics) -> str:
    content_type, text = await metrics.page("")
    assert content_type.startswith("text/plain; version=0.0.4")
    return text.decode()


async def scrape(metrics: Metrics) -> Samples:
    """Every sample under its name and labels, as Prometheus writes them: `mailgate_sessions`, `x_total{code="250"}`."""
    return parsed(await text_of(metrics))


def parsed(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def judged(*letters: Letter, judging: Judging | None = None) -> list[Outcome]:
    judging = judging or Judging()
    cases = [judging.case(letter) for letter in letters]
    facts = judging.store.gather(ask(cases, judging.gateway, rulebook().limits))
    history = History(facts, rulebook().limits, judging.gateway, judging.mint)
    return [verdict.judge(case, rulebook().signals, history) for case in cases]


def tried(code: int, state: OutboxState, purpose: Purpose = Purpose.AGENT) -> tuple[Due, Settlement]:
    due = Due(1, purpose, "support@g.test", "joe@x.test", b"", 1, START, START + timedelta(1), utf8=False)
    return due, Settlement(1, state, Answer(code, "words of the next hop"), START)


# ── What the roads say ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_accepted_mail_is_counted_by_the_listener_it_came_through() -> None:
    metrics = made()
    metrics.accepted(Peer(), 3, 0.002)
    metrics.accepted(Peer(protocol=Protocol.LMTP, role=Role.BEHIND), 1, 0.002)
    found = await scrape(metrics)
    assert found['mailgate_accepted_total{protocol="smtp",role="edge"}'] == 3
    assert found['mailgate_accepted_total{protocol="lmtp",role="behind"}'] == 1
    assert found['mailgate_accepted_total{protocol="smtp",role="behind"}'] == 0
    assert found['mailgate_stage_seconds_count{stage="accept"}'] == 2


async def test_a_verdict_is_counted_with_what_was_granted() -> None:
    metrics = made()
    for outcome in judged(Letter(), Letter(author="ann@y.test", level=Level.A0)):
        metrics.judged(outcome, 0.2)
    found = await scrape(metrics)
    assert found['mailgate_verdicts_total{disposition="hold",kind="human"}'] == 2
    assert found['mailgate_automatic_total{kind="challenge"}'] == 1
    assert found['mailgate_automatic_total{kind="acknowledge"}'] == 0
    assert found['mailgate_stage_seconds_count{stage="judge"}'] == 2


async def test_an_answer_to_a_proven_sender_is_no_backscatter() -> None:
    metrics = made()
    metrics.judged(judged(Letter())[0], 0.2)
    assert (await scrape(metrics))["mailgate_backscatter_total"] == 0


@pytest.mark.parametrize("forged", ["level", "null sender"])
async def test_an_answer_that_nobody_should_get_is_told(forged: str) -> None:
    (outcome,) = judged(Letter())
    filing = outcome.effects[-1]
    assert isinstance(filing, Filing)
    case = filing.case
    if forged == "level":
        case = replace(case, authentication=replace(case.authentication, level=Level.A0))
    else:
        case = replace(case, accepted=replace(case.accepted, mail_from=""))
    metrics = made()
    metrics.judged(replace(outcome, effects=(*outcome.effects[:-1], replace(filing, case=case))), 0.2)
    assert (await scrape(metrics))["mailgate_backscatter_total"] == 1


async def test_what_is_sent_on_goes_to_whom_an_admin_listed_and_is_no_backscatter() -> None:
    (outcome,) = judged(Letter())
    filing = outcome.effects[-1]
    assert isinstance(filing, Filing)
    case = replace(filing.case, authentication=replace(filing.case.authentication, level=Level.A0))
    sent_on = replace(outcome.planned[0], purpose=Purpose.REDIRECT)
    metrics = made()
    metrics.judged(
        replace(outcome, effects=(*outcome.effects[:-1], replace(filing, case=case)), planned=(sent_on,)), 0.2
    )
    found = await scrape(metrics)
    assert found["mailgate_backscatter_total"] == 0
    assert found['mailgate_automatic_total{kind="redirect"}'] == 1


async def test_what_a_rule_refuses_is_counted_by_its_name() -> None:
    metrics = made()
    metrics.refused("no lotteries")
    assert (await scrape(metrics))['mailgate_refused_by_rule_total{rule="no lotteries"}'] == 1


async def test_what_the_gate_withholds_is_counted_by_the_rule_that_says_so() -> None:
    metrics = made()
    # Four strangers of one domain within the hour, of which three are asked.
    for outcome in judged(*(Letter(author=f"joe{number}@x.test", subject=str(number)) for number in range(4))):
        metrics.judged(outcome, 0.2)
    withheld = {name: value for name, value in (await scrape(metrics)).items() if "suppressed_total" in name}
    (name,) = withheld
    assert re.fullmatch(r'mailgate_suppressed_total\{reason="limits\.toml:\d+"\}', name)
    assert withheld[name] == 1


async def test_rules_that_come_and_go_do_not_make_series_without_end() -> None:
    (outcome,) = judged(Letter(level=Level.A0))
    filing = outcome.effects[-1]
    assert isinstance(filing, Filing)
    metrics = made()
    for line in range(module.RULES_MOST + 10):
        found = replace(filing, verdict=replace(filing.verdict, withheld_by=f"limits.toml:{line}"))
        metrics.judged(replace(outcome, effects=(found,)), 0.2)
    found_ = await scrape(metrics)
    assert sum("suppressed_total" in name for name in found_) == module.RULES_MOST + 1
    assert found_['mailgate_suppressed_total{reason="other"}'] == 10


@pytest.mark.parametrize(
    ("code", "state", "labels"),
    [
        (250, OutboxState.SENT, 'code="2xx",kind="agent",state="sent"'),
        (451, OutboxState.READY, 'code="4xx",kind="agent",state="ready"'),
        (550, OutboxState.FAILED, 'code="5xx",kind="agent",state="failed"'),
        (0, OutboxState.READY, 'code="none",kind="agent",state="ready"'),
    ],
    ids=["sent", "deferred", "refused", "unreachable"],
)
async def test_an_attempt_is_counted_by_the_class_of_its_code(code: int, state: OutboxState, labels: str) -> None:
    metrics = made()
    metrics.attempted(*tried(code, state), 0.1)
    found = await scrape(metrics)
    assert found[f"mailgate_deliveries_total{{{labels}}}"] == 1
    assert found['mailgate_stage_seconds_count{stage="deliver"}'] == 1


async def test_the_ledger_is_shown_as_it_was_counted_last() -> None:
    metrics = made()
    assert (await scrape(metrics))["mailgate_ledger_balanced"] == 1
    metrics.audited(balanced=False)
    assert (await scrape(metrics))["mailgate_ledger_balanced"] == 0


async def test_no_label_and_no_value_comes_from_a_mail() -> None:
    metrics = made()
    letters = (
        Letter(author="Anne <anne@secret.test>", subject="Confidential", headers={"X-Mailer": "Confidential"}),
        Letter(author="MAILER-DAEMON@secret.test", mail_from="", subject="Confidential"),
        Letter(author="list@secret.test", headers={"List-Id": "<secret.test>", "Precedence": "bulk"}),
    )
    for outcome in judged(*letters):
        metrics.judged(outcome, 0.2)
    metrics.attempted(*tried(250, OutboxState.SENT), 0.1)
    text = await text_of(metrics)
    assert not re.search(r"@|secret|Confidential|words of|g\.test|x\.test", text)


# ── What is asked of others ───────────────────────────────────────────────────────────────────────────────────────────


class Listeners:
    def __init__(self) -> None:
        self.refused: Counter[int] = Counter()
        self.connected = 0


async def test_refusals_are_taken_over_once_however_often_anybody_looks() -> None:
    metrics, listeners = made(), Listeners()
    metrics.attend(listeners)
    listeners.refused[550] += 2
    listeners.connected = 7
    await scrape(metrics)
    metrics.look()
    listeners.refused[550] += 1
    listeners.refused[451] += 1
    found = await scrape(metrics)
    assert found['mailgate_refused_total{code="550"}'] == 3
    assert found['mailgate_refused_total{code="451"}'] == 1
    assert found["mailgate_sessions"] == 7


async def test_the_store_is_asked_once_for_scrapes_that_come_together() -> None:
    asked = 0

    async def read() -> list[Depth]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return [Depth(Queue.PENDING, 4, START - timedelta(seconds=90)), Depth(Queue.SHUNTED, 0, None)]

    metrics = Metrics("1.2.3", read, lambda: START)
    first, *_ = await asyncio.gather(*(scrape(metrics) for _ in range(5)))
    assert asked == 1
    assert first['mailgate_queue_mails{queue="pending"}'] == 4
    assert first['mailgate_queue_oldest_seconds{queue="pending"}'] == 90
    assert first['mailgate_queue_oldest_seconds{queue="shunted"}'] == 0


async def test_a_store_in_trouble_takes_nothing_else_off_the_page() -> None:
    async def read() -> list[Depth]:
        raise TryAgain("the disk is gone")

    metrics = Metrics("1.2.3", read, lambda: START)
    metrics.accepted(Peer(), 1, 0.002)
    found = await scrape(metrics)
    assert not any("queue" in name for name in found)
    assert found['mailgate_accepted_total{protocol="smtp",role="edge"}'] == 1


async def test_the_page_speaks_openmetrics_to_who_asks_for_it() -> None:
    content_type, text = await made().page("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith(b"# EOF\n")


async def test_process_and_build_are_told() -> None:
    found = await scrape(made())
    assert any(name.startswith("mailgate_build_info") and 'version="1.2.3"' in name for name in found)
    assert found["process_resident_memory_bytes"] > 1e6
    assert math.isfinite(found["process_cpu_seconds_total"])


async def test_two_in_one_process_do_not_know_each_other() -> None:
    one, other = made(), made()
    one.accepted(Peer(), 1, 0.002)
    assert (await scrape(other))['mailgate_accepted_total{protocol="smtp",role="edge"}'] == 0


# ── Several processes ─────────────────────────────────────────────────────────────────────────────────────────────────

WORKER = """
import asyncio, sys
from mailgate.daemon.metrics import Metrics
from mailgate.model import Peer
from tests.fakes.judging import START

class Listeners:
    def __init__(self, connected):
        self.refused, self.connected = __import__("collections").Counter({550: 1}), connected

async def nothing():
    return []

metrics = Metrics("1.2.3", nothing, lambda: START)
metrics.attend(Listeners(int(sys.argv[1])))
metrics.accepted(Peer(), int(sys.argv[1]), 0.002)
metrics.audited(balanced=True)
metrics.look()
print("ready", flush=True)
for _ in sys.stdin:
    print(asyncio.run(metrics.page(""))[1].decode(), flush=True)
    print("end", flush=True)
"""


class Worker:
    """Another process that counts into the same folder."""

    def __init__(self, folder: Path, mails: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(mails)],
            cwd=ROOT,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def scrape(self) -> Samples:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return parsed("".join(iter(self.process.stdout.readline, "end\n")))

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_any_process_answers_for_all_and_the_dead_have_no_sessions(tmp_path: Path) -> None:
    one, other = Worker(tmp_path, 2), Worker(tmp_path, 3)
    try:
        found = one.scrape()
        assert found['mailgate_accepted_total{protocol="smtp",role="edge"}'] == 5
        assert found['mailgate_stage_seconds_count{stage="accept"}'] == 2
        assert found['mailgate_refused_total{code="550"}'] == 2
        assert found["mailgate_sessions"] == 5
        assert found["mailgate_ledger_balanced"] == 1
        pids = {one.process.pid, other.process.pid}
        assert {f'process_resident_memory_bytes{{pid="{pid}"}}' for pid in pids} <= found.keys()
        shared = {name for name in found if name.startswith("mailgate_")}
        assert {name for name in other.scrape() if name.startswith("mailgate_")} == shared

        other.end()
        found = one.scrape()
        assert found['mailgate_accepted_total{protocol="smtp",role="edge"}'] == 5
        assert found["mailgate_sessions"] == 2
        assert f'process_resident_memory_bytes{{pid="{other.process.pid}"}}' not in found
    finally:
        one.end()
        other.end()


# ── The document ──────────────────────────────────────────────────────────────────────────────────────────────────────


DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
ALERTS = yaml.safe_load((ROOT / "docs" / "alerts.yaml").read_text())["groups"][0]["rules"]


async def shown() -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", await text_of(made()), re.MULTILINE))


async def test_the_document_describes_every_metric_and_no_other() -> None:
    described = re.findall(r"^\| `((?:mailgate|process)_[a-z_]+)", DOCUMENT, re.MULTILINE)
    assert sorted(described) == sorted(await shown())


def test_the_document_says_why_each_alert_is_worth_having() -> None:
    assert re.findall(r"^\| `(Mailgate\w+)`", DOCUMENT, re.MULTILINE) == [rule["alert"] for rule in ALERTS]


async def test_alerts_ask_for_metrics_that_there_are() -> None:
    asked = {name for rule in ALERTS for name in re.findall(r"\b(?:mailgate|process)_[a-z_]+", rule["expr"])}
    assert {name.removesuffix("_bucket") for name in asked} <= await shown()


# ── What holds automatic mail back ────────────────────────────────────────────────────────────────────────────────────


def breakers(*stand: Breaker) -> Callable[[], Awaitable[list[Breaker]]]:
    async def read() -> list[Breaker]:
        return list(stand)

    return read


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("stands", "value"),
    [
        (None, 0),
        (Breaker(Scope.ALL, "", BreakerState.OPEN, START - 3 * HOUR, START - HOUR, START), 0),
        (Breaker(Scope.ALL, "", BreakerState.OPEN, START - HOUR, START, START + HOUR), 1),
        (Breaker(Scope.ALL, "", BreakerState.OPEN, START, START + HOUR, START + 2 * HOUR), 2),
        (Breaker(Scope.ALL, "", BreakerState.LATCHED, START), 3),
    ],
    ids=["never written", "over", "on trial", "open", "latched"],
)
async def test_the_breaker_is_shown_as_it_stands_now(stands: Breaker | None, value: int) -> None:
    read = breakers(*([stands] if stands else []))
    found = await scrape(Metrics("1.2.3", nothing_waits, lambda: START, read))
    assert found["mailgate_breaker_state"] == value


async def test_what_is_stopped_by_itself_is_counted_and_time_frees_it() -> None:
    read = breakers(
        Breaker(Scope.DOMAIN, "x.test", BreakerState.OPEN, START, START + HOUR),
        Breaker(Scope.DOMAIN, "y.test", BreakerState.OPEN, START - HOUR, START),
        Breaker(Scope.ADDRESS, "anne@z.test", BreakerState.LATCHED, START),
    )
    found = await scrape(Metrics("1.2.3", nothing_waits, lambda: START, read))
    assert found["mailgate_breaker_state"] == 0
    assert {name: value for name, value in found.items() if "stopped" in name} == {
        'mailgate_stopped{scope="mailbox"}': 0,
        'mailgate_stopped{scope="domain"}': 1,
        'mailgate_stopped{scope="address"}': 1,
    }
