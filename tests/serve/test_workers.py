"""Several processes that are one daemon: they share the mail, outlive each other, and are renewed unnoticed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailgate import keys, wiring
from tests.fakes.sink import Sink
from tests.fakes.stores import POSTGRESQL, Stores, only
from tests.fakes.waiting import wait_until
from tests.scenarios.conftest import ASSUME_PASS, folder, sink
from tests.scenarios.daemon import Daemon
from tests.scenarios.ports import free_port
from tests.scenarios.sender import Client, HangUpError, deliver, letter, wire
from tests.serve.caller import Caller, calling

__all__ = ["folder", "sink"]

TWO = ("--workers", "2")
DIED_S = 30.0
COUNTED = "SELECT acceptance_key FROM journal GROUP BY acceptance_key HAVING count(*) > 1"


def _command_line(pid: str) -> list[bytes]:
    """How a process was started; nothing of one that has ended since it was named."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


class Workers(Daemon):
    """A daemon of several processes, known by their places."""

    def pids(self) -> dict[str, int]:
        """The processes that run now, by place."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        lines = {int(pid): _command_line(pid) for pid in children}
        return {line[line.index(b"--as") + 1].decode(): pid for pid, line in lines.items() if b"--as" in line}

    async def replaced(self, place: str, before: int) -> None:
        """Wait until somebody else is in this place and ready."""
        since = len(self.events("worker-ready"))
        await wait_until(lambda: self.pids().get(place, before) != before, deadline_s=DIED_S)
        await wait_until(
            lambda: any(line["worker"] == place for line in self.events("worker-ready")[since:]), deadline_s=DIED_S
        )

    def inboxes(self) -> list[str]:
        """The Message-IDs that were made into mails of tickets."""
        return [row[0] for row in self.rows("SELECT identity FROM message WHERE direction = 'in' ORDER BY id")]


@pytest.fixture
async def workers(folder: Path, sink: Sink) -> AsyncIterator[Workers]:
    async with Workers(folder, relay=sink.address, extra=WEB, options=TWO) as running:
        yield running


WEB = f'{ASSUME_PASS}\n[web]\nbind = "127.0.0.1:0"\nurl = "https://support.g.test"'


async def nothing_lost_or_doubled(workers: Workers, caller: Caller) -> None:
    await workers.settled()
    assert sorted(workers.inboxes()) == sorted(caller.accepted)
    assert workers.rows(COUNTED) == []
    assert (await workers.ledger())["balanced"]


# ── One daemon ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_ready_is_said_once_when_all_are(workers: Workers) -> None:
    await deliver(workers.smtp_port, letter(1, "sales@g.test"))
    (ready,) = workers.events("ready")
    assert ready["listeners"][0] == f"127.0.0.1:{workers.smtp_port}"
    assert {line["worker"] for line in workers.events("worker-ready")} == {"keeper", "front-1", "front-2"}


async def test_mail_comes_in_at_every_address_and_its_answer_goes_out(workers: Workers, sink: Sink) -> None:
    for number, address in enumerate([workers.smtp_port, workers.lmtp_port, workers.lmtp_socket], 1):
        async with Client(address, lmtp=number > 1) as client:
            assert (await client.send(letter(number, "sales@g.test"))).code == 250
    await workers.settled()
    assert len(sink.mails) == 3


async def test_the_fronts_share_the_connections(workers: Workers) -> None:
    fronts = [pid for place, pid in workers.pids().items() if place != "keeper"]
    idle = [open_files(pid) for pid in fronts]
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(24):
            await stack.enter_async_context(Client(workers.smtp_port))
        held = [open_files(pid) - before for pid, before in zip(fronts, idle, strict=True)]
    assert sum(held) >= 24
    assert min(held) > 0


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


async def test_a_front_refuses_whom_the_keeper_would(workers: Workers) -> None:
    async with Client(workers.smtp_port) as client:
        reply = await client.send(letter(1, "nobody@g.test"))
    assert (reply.code, reply.text[:5]) == (550, "5.1.1")


async def test_what_fronts_refused_is_counted(workers: Workers) -> None:
    await test_a_front_refuses_whom_the_keeper_would(workers)
    workers.signal(signal.SIGTERM)
    assert await workers.gone() == 0
    assert workers.rows("SELECT count FROM refusal WHERE code = 550") == [(1,)]


async def test_pages_are_served_too(workers: Workers) -> None:
    address = workers.events("ready")[0]["web"]
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(f"GET /c/mailgate.css HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    assert b" 200 " in (await reader.read()).partition(b"\r\n")[0]
    writer.close()


async def test_the_way_to_the_keeper_is_for_our_own_user(workers: Workers) -> None:
    assert (workers.folder / "mailgate.db.fronts").stat().st_mode & 0o777 == 0o600


async def test_a_daemon_that_is_alone_has_no_such_way(daemon_alone: Daemon) -> None:
    daemon_alone.signal(signal.SIGUSR1)
    assert (await deliver(daemon_alone.smtp_port, letter(1, "sales@g.test"))).code == 250
    assert not (daemon_alone.folder / "mailgate.db.fronts").exists()


@pytest.fixture
async def daemon_alone(folder: Path, sink: Sink) -> AsyncIterator[Daemon]:
    async with Daemon(folder, relay=sink.address, extra=ASSUME_PASS) as running:
        yield running


# ── The end ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_sigterm_finishes_what_was_accepted(workers: Workers) -> None:
    async with Client(workers.smtp_port) as client:
        replies = [await client.send(letter(number, "sales@g.test")) for number in range(50)]
        workers.signal(signal.SIGTERM)
        assert await workers.gone() == 0
        with pytest.raises(HangUpError):
            await client.reply()
    assert {reply.code for reply in replies} == {250}
    assert workers.rows("SELECT state, count(*) FROM journal GROUP BY state") == [("ticketed", 50)]
    ends = [line.get("worker", "") for line in workers.events("stopped")]
    # Who takes mail goes before who keeps it.
    assert (set(ends[:2]), ends[2:]) == ({"front-1", "front-2"}, ["keeper", ""])
    assert not workers.lmtp_socket.exists()


async def test_no_orphan_outlives_a_killed_supervisor(workers: Workers) -> None:
    pids = workers.pids()
    await workers.kill()
    await wait_until(lambda: not any(is_alive(pid) for pid in pids.values()), deadline_s=DIED_S)
    await workers.start()
    assert (await deliver(workers.smtp_port, letter(1, "sales@g.test"))).code == 250


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ── Deaths ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["front-1", "keeper"])
async def test_who_is_killed_under_load_is_started_again_and_no_mail_is_lost_or_doubled(
    workers: Workers, place: str
) -> None:
    async with calling(workers.smtp_port) as caller:
        await caller.more()
        before = workers.pids()[place]
        os.kill(before, signal.SIGKILL)
        await workers.replaced(place, before)
        await caller.more()
    died = workers.events("worker-died")
    assert [(line["of"], line["code"]) for line in died] == [(place, -signal.SIGKILL)]
    # Connections wait for the next one. Those that a dying front had taken die with it.
    assert all("reset" in why.lower() or why == "not greeted" for why in caller.refused)
    assert len(caller.refused) <= (4 if place == "front-1" else 0)
    if place == "keeper":
        assert caller.put_off == []
    await nothing_lost_or_doubled(workers, caller)


@pytest.mark.parametrize("place", ["front-2", "keeper"])
async def test_who_falls_silent_is_killed_and_started_again(folder: Path, sink: Sink, place: str) -> None:
    watched = {"WATCHDOG_USEC": "5000000"}
    async with Workers(folder, relay=sink.address, extra=WEB, options=TWO, environment=watched) as workers:
        before = workers.pids()[place]
        os.kill(before, signal.SIGSTOP)
        await workers.replaced(place, before)
        assert place in [line["of"] for line in workers.events("worker-silent")]
        assert (await deliver(workers.smtp_port, letter(1, "sales@g.test"))).code == 250


# ── New rules, new certificates, new code ─────────────────────────────────────────────────────────────────────────────


async def test_a_reload_is_noticed_by_nobody(workers: Workers) -> None:
    async with calling(workers.smtp_port) as caller:
        for _ in range(3):
            seen = len(workers.log)
            workers.signal(signal.SIGHUP)
            await workers.logged("rules-reloaded", since=seen)
            await wait_until(lambda seen=seen: len(workers.events("certificates-reloaded", seen)) == 3, deadline_s=20)
            await caller.more(5)
    assert (caller.refused, caller.put_off) == ([], [])
    await nothing_lost_or_doubled(workers, caller)


async def test_a_key_that_was_revoked_is_believed_by_no_front(workers: Workers, folder: Path, sink: Sink) -> None:
    (file,) = folder.rglob("mailgate.keys")
    assert (await deliver(workers.smtp_port, letter(1, "sales@g.test"))).code == 250
    await workers.settled()
    signed = sink.mails[0].fields["Reply-To"].strip("<>")
    for number in range(2, 4):
        assert (await deliver(workers.smtp_port, letter(number, signed))).code == 250

    keys.rotate(file, wiring.clock())
    keys.revoke(file, "1", wiring.clock())
    workers.signal(signal.SIGHUP)
    await workers.logged("keys-reloaded")
    await wait_until(lambda: len(workers.events("certificates-reloaded")) == 3, deadline_s=20)

    assert {(await deliver(workers.smtp_port, letter(number, signed))).code for number in range(4, 24)} == {550}


async def test_all_are_renewed_under_load_and_no_connection_is_refused(workers: Workers) -> None:
    before = workers.pids()
    async with calling(workers.smtp_port) as caller:
        workers.signal(signal.SIGUSR1)
        await workers.logged("workers-renewed", deadline_s=60)
        await caller.more()
    after = workers.pids()
    assert after.keys() == before.keys()
    assert set(after.values()).isdisjoint(before.values())
    assert workers.events("worker-died") == []
    assert (caller.refused, caller.put_off) == ([], [])
    await nothing_lost_or_doubled(workers, caller)


async def test_a_new_configuration_holds_when_all_are_renewed(workers: Workers) -> None:
    old, new = workers.lmtp_port, free_port()
    workers.config.write_text(workers.config.read_text().replace(str(old), str(new)))
    workers.signal(signal.SIGUSR1)
    await workers.logged("workers-renewed", deadline_s=60)
    async with Client(new, lmtp=True) as client:
        assert (await client.send(letter(1, "sales@g.test"))).code == 250
    with pytest.raises(HangUpError):
        await Client(old, lmtp=True).__aenter__()


@pytest.mark.parametrize(
    ("was", "becomes"),
    [('mode = "off"', 'mode = "of"'), ('key_file = "mailgate.keys"', 'key_file = "none.keys"')],
    ids=["a wrong value", "no keys"],
)
async def test_a_broken_configuration_changes_nobody(workers: Workers, was: str, becomes: str) -> None:
    before = workers.pids()
    good = workers.config.read_text()
    workers.config.write_text(good.replace(was, becomes))
    workers.signal(signal.SIGUSR1)
    await workers.logged("workers-kept")
    assert workers.pids() == before
    assert (await deliver(workers.smtp_port, letter(1, "sales@g.test"))).code == 250


async def test_another_store_needs_a_restart(workers: Workers) -> None:
    before = workers.pids()
    workers.config.write_text(workers.config.read_text().replace("mailgate.db", "other.db"))
    workers.signal(signal.SIGUSR1)
    assert "restart" in (await workers.logged("workers-kept"))["error"]
    assert workers.pids() == before


# ── Faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_fault_of_the_configuration_ends_all_with_78(folder: Path, sink: Sink) -> None:
    daemon = Workers(folder, relay=sink.address, options=TWO, extra="[outbound2]\nx = 1")
    await start_unready(daemon)
    assert await daemon.gone() == 78


async def test_a_fault_that_only_a_child_finds_ends_all_with_78(folder: Path, sink: Sink) -> None:
    (folder / "rules").mkdir()
    daemon = Workers(folder, relay=sink.address, options=TWO, extra=f'[rules]\nfolder = "{folder}/rules"')
    await start_unready(daemon)
    assert await daemon.gone() == 78
    assert daemon.events("ready") == []


async def test_an_address_that_is_taken_is_told_at_once(workers: Workers, tmp_path: Path, sink: Sink) -> None:
    other = Workers(tmp_path, relay=sink.address, options=TWO)
    other.smtp_port = workers.smtp_port
    await start_unready(other)
    assert await other.gone() == 75
    assert f"cannot listen on 127.0.0.1:{workers.smtp_port}" in other.last_words()


async def start_unready(daemon: Daemon) -> None:
    """Start what will not become ready."""
    daemon.config.write_text("\n".join(daemon._lines()))
    keys.make(daemon.folder / "mailgate.keys", wiring.clock())
    await daemon.spawn()


async def test_every_line_of_a_child_names_it(workers: Workers) -> None:
    await deliver(workers.smtp_port, letter(1, "sales@g.test"))
    await workers.logged("mail-judged")
    own = [line["event"] for line in workers.log if "worker" not in line]
    assert own == ["ready"]
    assert json.dumps(workers.events("mail-judged")[0]["worker"]) == '"keeper"'


# ── On a server ───────────────────────────────────────────────────────────────────────────────────────────────────────


@only(POSTGRESQL)
class TestOnAServer:
    """Each process is a whole daemon."""

    @pytest.fixture
    async def workers(self, folder: Path, sink: Sink, stores: Stores) -> AsyncIterator[Workers]:
        async with Workers(folder, relay=sink.address, url=stores.new(), extra=WEB, options=TWO) as running:
            yield running

    async def test_there_is_no_keeper(self, workers: Workers) -> None:
        assert set(workers.pids()) == {"worker-1", "worker-2"}
        assert len(workers.events("ready")) == 1

    async def test_a_killed_one_is_started_again_and_no_mail_is_lost_or_doubled(self, workers: Workers) -> None:
        async with calling(workers.smtp_port) as caller:
            await caller.more()
            before = workers.pids()["worker-1"]
            os.kill(before, signal.SIGKILL)
            await workers.replaced("worker-1", before)
            await caller.more()
        await nothing_lost_or_doubled(workers, caller)

    async def test_all_are_renewed_under_load_and_no_connection_is_refused(self, workers: Workers) -> None:
        before = workers.pids()
        async with calling(workers.smtp_port) as caller:
            workers.signal(signal.SIGUSR1)
            await workers.logged("workers-renewed", deadline_s=90)
            await caller.more()
        assert set(workers.pids().values()).isdisjoint(before.values())
        assert (caller.refused, caller.put_off) == ([], [])
        await nothing_lost_or_doubled(workers, caller)


# ── Who brings too much ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_front_puts_a_network_off_until_the_keeper_hears_from_somebody_we_trust_there(
    folder: Path, sink: Sink
) -> None:
    port = free_port()
    extra = f"""
[[listener]]
bind = "127.0.0.1:{port}"
xclient = ["127.0.0.0/8"]
[wire]
origin_mails_per_h = 1
[authentication]
trusted_authserv_ids = ["up.g.test"]
trusted_upstreams = ["127.0.0.0/8"]
"""
    proof = (
        "Authentication-Results: up.g.test; dkim=pass header.d=x.test\r\nReceived: from x.test by up.g.test; date\r\n"
    )

    async def bring(client: Client, number: int, author: str = "") -> int:
        await client.say("XFORWARD ADDR=192.0.2.7")
        mail = letter(number, "sales@g.test", author=author)
        said = [await client.say(f"MAIL FROM:<{mail.mail_from}>"), await client.say("RCPT TO:<sales@g.test>")]
        if said[1].code != 250:
            await client.say("RSET")
            return said[1].code
        await client.say("DATA")
        client.write(wire(proof.encode() + mail.raw))
        return (await client.reply()).code

    async with Workers(folder, relay=sink.address, extra=extra, options=("--workers", "1")) as workers:
        await workers.command("senders", "trust", "anne@x.test", "--agent", "bert")
        async with Client(port) as client:
            assert [await bring(client, number) for number in (1, 2)] == [250, 451]
            # Once Anne is in, her whole network is. The keeper may have said that she is trusted before her fourth try.
            tries = [await bring(client, 3, "anne@x.test")]
            while tries[-1] != 250:
                tries.append(await bring(client, 3, "anne@x.test"))
            assert tries == [451] * (len(tries) - 1) + [250]
            assert len(tries) <= 4
            await workers.settled()
            numbers = iter(range(10, 40))
            while await bring(client, next(numbers)) != 250:
                pass
            assert [await bring(client, next(numbers)) for _ in range(3)] == [250] * 3
