"""Calls out by HTTP: what is sent, and what each kind of trouble becomes."""

from __future__ import annotations

import ssl

import pytest
import trustme

from mailgate.net.http import MOST_BYTES, Answered, Http, Unanswered
from tests.fakes.http import Server, answer


async def test_a_document_goes_there_with_its_fields_and_comes_back_with_an_answer() -> None:
    async with Server(lambda asked: answer(201, b"done")) as server, Http() as http:
        said = await http.post(f"{server.url}/a?b=c", b"body", [("Rcpt", "ä@b.test"), ("Rcpt", "c@d.test")])
    (asked,) = server.asked
    assert said == Answered(201, b"done")
    assert (asked.path, asked.body) == ("/a?b=c", b"body")
    assert [value for name, value in asked.fields if name == "rcpt"] == ["ä@b.test", "c@d.test"]
    assert asked.field("host") == server.url.removeprefix("http://")


async def test_connections_are_kept_for_the_next_call() -> None:
    async with Server() as server, Http() as http:
        for _ in range(3):
            await http.post(server.url, b"", [])
        assert len(server._writers) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with Server() as other, Http() as http:
        async with Server(lambda asked: answer(status, b"", f"Location: {other.url}/")) as server:
            assert (await http.post(server.url, b"secret", [])).status == status
        assert other.asked == []


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server() as proxy, Server() as server, Http() as http:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        await http.post(server.url, b"", [])
        assert (len(proxy.asked), len(server.asked)) == (0, 1)


TROUBLE = {
    "silence": (None, "no answer within 0.2 s"),
    "half an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "no answer within 0.2 s"),
    "garbage": (b"220 mx.example.com ESMTP\r\n\r\n", "RemoteProtocolError"),
    "too much": (answer(200, b"x" * (MOST_BYTES + 1)), f"more than {MOST_BYTES} bytes were answered"),
    "too long a head": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000, "RemoteProtocolError"),
}


@pytest.mark.parametrize(("said", "why"), TROUBLE.values(), ids=TROUBLE.keys())
async def test_whoever_does_not_answer_well_is_unanswered_in_time(said: bytes | None, why: str) -> None:
    async with Server(lambda asked: said) as server, Http() as http:
        with pytest.raises(Unanswered, match=why):
            await http.post(server.url, b"", [], deadline_s=0.2)


async def test_nobody_there_is_unanswered() -> None:
    async with Server() as server:
        gone = server.url
    async with Http() as http:
        with pytest.raises(Unanswered, match="ConnectError"):
            await http.post(gone, b"", [])


async def test_a_value_that_breaks_its_line_is_never_sent() -> None:
    async with Server() as server, Http() as http:
        with pytest.raises(Unanswered, match="LocalProtocolError"):
            await http.post(server.url, b"", [("From", "a@b.test\r\nPassword: x")])
        assert server.asked == []


async def test_a_certificate_must_be_good() -> None:
    authority = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)
    authority.configure_trust(ours)
    async with Server(tls=theirs) as server:
        async with Http(ours) as trusting:
            assert (await trusting.post(server.url, b"", [])).good
        async with Http() as http:
            with pytest.raises(Unanswered, match="certificate verify failed"):
                await http.post(server.url, b"", [])
