"""The daemon as a whole, in this process: it opens, starts, serves, takes new rules, and drains."""

import asyncio
import os
import shutil
import smtplib
from pathlib import Path

import pytest
import trustme

from mailgate.cli import run
from mailgate.errors import ConfigError, TryAgain
from mailgate.net.wake import wake, wake_path
from tests.fakes.sink import Sink
from tests.fakes.waiting import wait_until
from tests.serve.running import CONFIG, Running


async def test_a_mail_comes_in_and_its_acknowledgement_goes_out(running: Running, sink: Sink) -> None:
    await running.deliver()
    judged = await running.logged("mail-judged")
    assert (judged["kind"], judged["state"]) == ("human", "ticketed")
    await running.logged("delivery-attempted")
    assert [mail.rcpt_to for mail in sink.mails] == [("anne@x.test",)]


async def test_ready_comes_once_everything_works_and_is_told_to_systemd(running: Running) -> None:
    await wait_until(lambda: running.told.count("WATCHDOG=1") > 2)
    assert await running.stop() == 0
    assert [word for word in running.told if word != "WATCHDOG=1"] == ["READY=1", "STOPPING=1"]
    assert [line["event"] for line in running.log][-2:] == ["stopping", "stopped"]


async def test_the_log_has_no_address_and_no_subject(running: Running) -> None:
    await running.deliver()
    await running.logged("delivery-attempted")
    assert "x.test" not in running.stream.getvalue()
    assert "Hello" not in running.stream.getvalue()


async def test_what_was_accepted_is_finished_before_the_end(running: Running) -> None:
    await asyncio.gather(*(running.deliver(number) for number in range(5)))
    assert await running.stop() == 0
    assert len(running.events("mail-judged")) == 5


async def test_the_world_sees_the_confirmation_page_and_nothing_else(running: Running) -> None:
    address = running.events("ready")[0]["web"]
    assert b" 404 " in await get(address, "/")
    assert b" 404 " in await get(address, "/c/nonsense")
    assert b" 200 " in await get(address, "/c/mailgate.css")


async def get(address: str, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]


async def test_a_saved_rule_file_is_read_again(running: Running, folder: Path) -> None:
    file = folder / "rules" / "limits.toml"
    file.write_text(file.read_text() + "\n# a remark\n")
    reloaded = await running.logged("rules-reloaded")
    assert reloaded["rules"] != reloaded["before"]


async def test_a_channel_counts_from_the_moment_it_is_saved(running: Running, folder: Path) -> None:
    await running.deliver(1)
    assert (await running.logged("mail-judged"))["kind"] == "human"
    channel = '[[channel]]\nsender = "anne@x.test"\nis = "machine"\nwhy = "nightly figures"\n'
    (folder / "rules" / "50-ours.toml").write_text(channel)
    await running.logged("rules-reloaded")
    await running.deliver(2)
    assert (await running.logged("mail-judged", 2))["kind"] == "system"


async def test_what_asks_the_operator_for_something_is_told_at_once(running: Running) -> None:
    await asyncio.to_thread(ask_as_google, running.port)
    told = await running.logged("operator-asked")
    assert (told["level"], told["asks"]) == ("warning", "Google asks to confirm the forwarding to ...")


def ask_as_google(port: int) -> None:
    mail = "From: forwarding-noreply@google.com\r\nTo: support@g.test\r\nMessage-ID: <1@google.com>\r\n\r\nPlease."
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test") as client:
        client.sendmail("forwarding-noreply@google.com", "support@g.test", mail)


async def test_a_broken_rule_file_never_replaces_a_good_one(running: Running, folder: Path) -> None:
    file = folder / "rules" / "limits.toml"
    good, version = file.read_text(), running.daemon.rules.book.version
    file.write_text(good + "\n[[limit]\n")
    rejected = await running.logged("rules-rejected")
    assert "limits.toml" in rejected["faults"][0]
    assert running.daemon.rules.book.version == rejected["kept"] == version
    file.write_text(good + "\n# mended\n")
    await running.logged("rules-reloaded")


async def test_certificates_are_renewed_all_or_none(folder: Path, sink: Sink) -> None:
    text = CONFIG.format(relay=sink.address)
    lines = 'bind = "127.0.0.1:0"\ntls_cert = "cert.pem"\ntls_key = "key.pem"'
    (folder / "config.toml").write_text(text.replace('bind = "127.0.0.1:0"', lines, 1))
    write_certificate(folder)
    running = Running(folder)
    await running.start()
    first = await asyncio.to_thread(certificate_of, running.port)

    (folder / "cert.pem").write_text("broken")
    running.daemon.reload()
    await running.logged("certificates-rejected")
    assert await asyncio.to_thread(certificate_of, running.port) == first

    write_certificate(folder)
    running.daemon.reload()
    await running.logged("certificates-reloaded")
    assert await asyncio.to_thread(certificate_of, running.port) != first
    await running.stop()


def write_certificate(folder: Path) -> None:
    certificate = trustme.CA().issue_cert("mx.g.test")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(folder / "key.pem")


def certificate_of(port: int) -> bytes:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test") as client:
        client.starttls()
        shown: bytes = client.sock.getpeercert(binary_form=True)  # type: ignore[union-attr]
        return shown


async def test_a_command_wakes_the_daemon(running: Running, folder: Path, sink: Sink) -> None:
    await running.deliver()
    await running.logged("delivery-attempted")
    (folder / "answer.txt").write_text("We look into it.")
    line = ["--config", str(folder / "config.toml"), "tickets", "reply", "1", str(folder / "answer.txt")]
    assert await asyncio.to_thread(run, line) == 0
    # Much sooner than the daemon would have looked by itself.
    await wait_until(lambda: len(sink.mails) == 2, deadline_s=4)


async def test_the_ear_for_commands_is_gone_with_the_daemon(running: Running, folder: Path) -> None:
    path = wake_path(folder / "var" / "mailgate.db")
    assert wake(path, b"outbox")
    await running.stop()
    assert not wake(path, b"outbox")


async def test_a_second_daemon_on_the_same_database_is_sent_away(running: Running, folder: Path) -> None:
    with pytest.raises(TryAgain, match="another mailgate"):
        await Running(folder).start()


async def test_an_address_that_is_taken_is_named(running: Running, folder: Path, tmp_path: Path, sink: Sink) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(folder / "mailgate.keys", other)
    text = CONFIG.format(relay=sink.address).replace('bind = "127.0.0.1:0"', f'bind = "127.0.0.1:{running.port}"', 1)
    (other / "config.toml").write_text(text.replace('folder = "rules"', 'folder = "../rules"'))
    with pytest.raises(TryAgain, match=f"cannot listen on 127.0.0.1:{running.port}"):
        await Running(other).start()


async def test_no_keys_no_daemon(folder: Path) -> None:
    (folder / "mailgate.keys").unlink()
    with pytest.raises(ConfigError, match="mailgate keys init"):
        await Running(folder).start()


async def test_a_disk_without_room_keeps_the_mail_with_its_sender(folder: Path, sink: Sink) -> None:
    text = CONFIG.format(relay=sink.address).replace("reserve_bytes = 0", f"reserve_bytes = {2**40}")
    (folder / "config.toml").write_text(text)
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize > 2**40:
        pytest.skip("this disk is larger than any reserve")
    running = Running(folder)
    await running.start()
    with pytest.raises(smtplib.SMTPSenderRefused) as refused:
        await running.deliver()
    assert refused.value.smtp_code == 452
    await running.stop()


async def test_who_is_proven_by_assumption_is_warned_of(running: Running) -> None:
    assert running.events("peers-assumed-proven")


async def test_a_road_that_dies_ends_the_daemon(running: Running) -> None:
    # Ended without being told to: the same to the daemon as a crash.
    running.daemon.intake.stop()
    assert await asyncio.wait_for(running.task, 20) == 70
    assert running.events("road-died")
