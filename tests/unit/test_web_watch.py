"""Health for anybody, metrics for few, and nothing of either for whoever comes through a proxy."""

import asyncio
from collections.abc import Sequence

import pytest

from mailgate.net.bind import networks
from mailgate.web.app import make_app
from mailgate.web.call import Response, call
from mailgate.web.guards import PRIVATE_HEADERS
from mailgate.web.watch import NOT_FOR_YOU, PROXIED, Watch
from tests.fakes.web import FakeConfirm, clock, phrases

NETWORKS = ("127.0.0.0/8", "::1/128", "192.0.2.0/24")


class FakeHealth:
    def __init__(self, reasons: Sequence[str] = ()) -> None:
        self.reasons = reasons

    async def dead(self) -> Sequence[str]:
        return self.reasons

    async def unready(self) -> Sequence[str]:
        return self.reasons


async def counts(accept: str) -> tuple[str, bytes]:
    return f"text/plain; version=0.0.4; asked={accept or 'nothing'}", b"mailgate_sessions 0.0\n"


async def request(
    path: str, method: str = "GET", headers: Sequence[tuple[str, str]] = (), *, client: str = "127.0.0.1", reasons=()
) -> Response:
    watch = Watch(FakeHealth(reasons), counts, networks(NETWORKS))
    return await call(
        make_app(FakeConfirm(), clock=clock, phrases=phrases, watch=watch), method, path, headers, client=client
    )


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_all_is_well(path: str) -> None:
    answer = await request(path)
    assert (answer.status, answer.text) == (200, "ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_what_is_wrong_stands_on_lines_of_its_own(path: str) -> None:
    answer = await request(path, reasons=["stopping", "the journal cannot be written"])
    assert (answer.status, answer.text) == (503, "stopping\nthe journal cannot be written\n")


async def test_health_is_for_anybody() -> None:
    assert (await request("/readyz", client="198.51.100.7", headers=[("Via", "1.1 proxy")])).status == 200


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "192.0.2.9", "::ffff:192.0.2.9"])
async def test_metrics_are_shown_to_the_networks_that_may_see_them(client: str) -> None:
    answer = await request("/metrics", client=client)
    assert (answer.status, answer.text) == (200, "mailgate_sessions 0.0\n")


@pytest.mark.parametrize("client", ["198.51.100.7", "2001:db8::1", "::ffff:198.51.100.7", ""])
async def test_nobody_else_sees_metrics(client: str) -> None:
    answer = await request("/metrics", client=client)
    assert (answer.status, answer.text) == (403, NOT_FOR_YOU)


@pytest.mark.parametrize("field", PROXIED)
async def test_a_proxy_on_this_machine_publishes_no_metrics(field: str) -> None:
    assert (await request("/metrics", headers=[(field.title(), "198.51.100.7")])).status == 403


async def test_the_form_of_metrics_is_what_the_client_accepts() -> None:
    answer = await request("/metrics", headers=[("Accept", "application/openmetrics-text")])
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; asked=application/openmetrics-text"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_head_is_get_without_a_body(path: str) -> None:
    shown, head = await request(path), await request(path, "HEAD")
    assert (head.status, head.headers, head.body) == (shown.status, shown.headers, b"")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_nothing_is_kept_by_caches_and_nothing_may_be_posted(path: str) -> None:
    answer = await request(path)
    assert {name.lower(): value for name, value in PRIVATE_HEADERS.items()}.items() <= answer.headers.items()
    assert answer.headers["cache-control"] == "no-store"
    assert (await request(path, "POST")).status == 405


async def test_without_anybody_to_watch_there_are_no_such_pages() -> None:
    app = make_app(FakeConfirm(), clock=clock, phrases=phrases)
    answers = await asyncio.gather(*(call(app, "GET", path) for path in ("/healthz", "/readyz", "/metrics")))
    assert [answer.status for answer in answers] == [404, 404, 404]
