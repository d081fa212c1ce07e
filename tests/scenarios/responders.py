"""Programs of Debian that answer a person's mail by themselves, each behind a Postfix that is wired to the daemon.

    async with behind(vacation(), folder, mode="guarded") as both:
        await both.writes(1)             # Anna writes; wait until all that follows has ended by itself
        await both.told()                # how many automatic mails she was sent, how many answers came back

Mail of Anna's goes through Postfix to the daemon. What the daemon sends goes through Postfix to the program, and what
that answers through Postfix to the daemon again. All is on loopback and counts as proven: only marks, threads and the
send gate can end it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.scenarios.conftest import ASSUME_PASS
from tests.scenarios.daemon import Daemon
from tests.scenarios.debian_others import Exim
from tests.scenarios.ports import free_port
from tests.scenarios.postfix import Postfix
from tests.scenarios.quiet import quiet
from tests.scenarios.sender import deliver, letter

ANNA, DESK = "anna@peer.test", "support@g.test"
ACCOUNT = "nobody"  # whose programs run for Anna: one that every Debian has
SENDMAIL = "/usr/sbin/sendmail"
# No answer is too quick to be a person's: a robot that waits a little would not be told from one.
PATIENT = "[replies]\nconfirm_min_s = 0\n"

_NO_MARKS = "/^(auto-submitted|precedence|x-.*|mailgate-trace|references|in-reply-to|thread-.*|list-.*):/ IGNORE\n"
_PLACES = "SELECT state, kind FROM journal LEFT JOIN message ON message.journal_id = journal.id ORDER BY journal.id"
_COUNTED = ("acknowledge", "challenge", "notice", "digest")


@dataclass(frozen=True)
class Hand:
    """How Postfix hands Anna's mail over: to `command`, run as ACCOUNT, or else by `transport`."""

    command: str = ""
    transport: str = "answering:"
    idle: Callable[[], bool] = lambda: True  # nothing waits there any more
    moved: Callable[[], object] = lambda: None  # differs once a mail went through


# In a folder of its own; the port is where mail of Anna's leaves, and the mapping what programs must know of Postfix.
Responder = Callable[[Path, "Exchange"], AbstractContextManager[Hand]]


class Exchange(Postfix):
    """A Postfix to which also the programs that it runs can give mail, as on any machine that has only one."""

    def __init__(self, *, strips: bool) -> None:
        """`strips`: every mail loses what marks it as automatic, or as one of a thread, whoever sent it."""
        super().__init__(port=free_port(), main={})
        self._main |= {
            "relay_domains": "g.test peer.test",
            "default_transport": "error:nobody should be written to but these two",
            "command_directory": f"{self.folder}/bin",
            "myorigin": "peer.test",
            "header_checks": f"regexp:{self.folder}/etc/header_checks" if strips else "",
            "canonical_maps": f"inline:{{ {{{ACCOUNT}@peer.test = {ANNA}}} }}",
        }

    def wire(self, daemon_port: int, hand: Hand) -> Self:
        """Before it starts: where the mail for either side goes."""
        routes = {"g.test": f"lmtp:inet:[127.0.0.1]:{daemon_port}", "peer.test": hand.transport}
        self._main["transport_maps"] = "inline:{" + " ".join(f"{{{a} = {b}}}" for a, b in routes.items()) + "}"
        self._master += "smtp unix - - n - - smtp\n"
        if hand.command:
            self._master += f"answering unix - n n - - pipe\n  flags=Rh user={ACCOUNT} argv={hand.command}\n"
        return self

    def __enter__(self) -> Self:
        _own_commands(self.folder / "bin")
        super().__enter__()
        for place in ("maildrop", "public"):
            (self.folder / "queue" / place).chmod(0o1777)
        return self

    def _configure(self, etc: Path) -> None:
        super()._configure(etc)
        (etc / "header_checks").write_text(_NO_MARKS)

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes `sendmail` give its mail to this one."""
        return {"MAIL_CONFIG": f"{self.folder}/etc"}

    def delivered(self, domain: str) -> Counter[str]:
        """What became of the mails to a domain: how many were sent, bounced or deferred."""
        return Counter(re.findall(rf" to=<[^>]*@{re.escape(domain)}>,.* status=(\w+)", self.log()))


def _own_commands(folder: Path) -> None:
    """Postfix's commands, with a postdrop that is not set-gid: such a one only serves the machine's own Postfix."""
    folder.mkdir()
    for command in Path("/usr/sbin").glob("post*"):
        (folder / command.name).symlink_to(command)
    (folder / "postdrop").unlink()
    shutil.copyfile("/usr/sbin/postdrop", folder / "postdrop")
    (folder / "postdrop").chmod(0o755)


# ── The scene ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """What the two sides said to each other, and where the daemon put what came."""

    automatic: int  # mails of the daemon's, each to Anna
    answers: int  # mails of the program's
    places: Counter[tuple[str, str]]  # state and kind of all that came, Anna's own letters too


@dataclass
class Both:
    """The daemon and the program, with Postfix between them."""

    daemon: Daemon
    postfix: Exchange
    hand: Hand
    written: int = 0

    async def writes(self, number: int) -> None:
        """A letter of Anna's own that opens a conversation; wait until nothing moves any more."""
        self.written += 1
        reply = await deliver(self.postfix.port, letter(number, DESK, author=ANNA))
        assert reply.code == 250, f"{reply}\n{self.postfix.log()[-4000:]}"
        try:
            await quiet(
                [self.daemon],
                idle=lambda: self.postfix.queued() == 0 and self.hand.idle(),
                moved=lambda: (self.postfix.log(), self.hand.moved()),
            )
        except TimeoutError as error:
            raise AssertionError(self.postfix.log()[-4000:]) from error

    async def told(self) -> Told:
        """The sum of it. Raises AssertionError where the ledger does not know of all that left."""
        ledger = await self.daemon.ledger()
        assert (ledger["balanced"], ledger["pending"], ledger["shunted"]) == (True, 0, 0)
        automatic = sum(ledger["automatic"][kind] for kind in _COUNTED)
        assert self.postfix.delivered("peer.test") == Counter(sent=automatic), self.postfix.log()
        came = self.postfix.delivered("g.test")
        return Told(automatic, came.total() - self.written, Counter(self.daemon.rows(_PLACES)))


@contextlib.asynccontextmanager
async def behind(
    responder: Responder, folder: Path, *, mode: str, strips: bool = False, extra: str = ""
) -> AsyncIterator[Both]:
    """Everything running; `mode` is how the desk receives strangers, `extra` more of its configuration.

    Where Postfix `strips`, nobody can see of any mail that it is automatic.
    """
    postfix = Exchange(strips=strips)
    home = folder / "home"
    home.mkdir()
    for place in (folder, home):
        place.chmod(0o755)
    shutil.chown(home, ACCOUNT)
    daemon = Daemon(folder, relay=f"127.0.0.1:{postfix.port}", mailboxes={DESK: mode}, extra=f"{extra}\n{ASSUME_PASS}")
    with responder(home, postfix) as hand:
        async with daemon:
            with postfix.wire(daemon.lmtp_port, hand):
                yield Both(daemon, postfix, hand)


# ── vacation(1) ───────────────────────────────────────────────────────────────────────────────────────────────────────

_AWAY = "From: Anna <anna@peer.test>\nSubject: away from my mail\n\nYour mail about $SUBJECT will be read in May.\n"


def vacation(*, days: int = 7, options: str = "") -> Responder:
    """The program vacation: at most one answer to an address within `days`."""

    @contextmanager
    def start(home: Path, postfix: Exchange) -> Iterator[Hand]:
        message, database = home / "message", home / "answered"
        message.write_text(_AWAY)
        subprocess.run(["vacation", "-i", "-r", str(days), "-f", str(database)], check=True, capture_output=True)
        shutil.chown(database, ACCOUNT)
        yield Hand(f"/usr/bin/vacation -d -f {database} -m {message} -a anna {options} {ACCOUNT}")

    return start


# ── procmail and formail ──────────────────────────────────────────────────────────────────────────────────────────────

_PROCMAILRC = """\
SHELL=/bin/sh
PATH=/usr/bin:/bin
MAIL_CONFIG={config}
MAILDIR={home}
DEFAULT=/dev/null
LOGFILE={home}/log
SENDMAIL={sendmail}
{recipe}
"""

# procmailex(5), "vacation".
POLITE_RECIPE = """
:0 Whc: vacation.lock
* $^To:.*\\<anna@peer.test\\>
* !^FROM_DAEMON
* !^X-Loop: anna@peer.test
| formail -rD 8192 vacation.cache

:0 ehc
| (formail -rI"Precedence: junk" -A"X-Loop: anna@peer.test"; echo "I am away until May.") | $SENDMAIL -oi -t
"""


def rude_recipe(options: str, *, to: str = "") -> str:
    """Answers all that comes, each time in other words, without a mark or a thread, in Anna's own name.

    `to` is the address that it answers, whatever the mail says.
    """
    fields = '-I"From: Anna <anna@peer.test>" -I"Subject: Word $$ of mine" -I"In-Reply-To:" -I"References:"'
    fields += f' -I"To: {to}"' if to else ""
    return f"""
:0
| (formail {options} {fields}; echo "My $$ is on fire."; date +%N) | $SENDMAIL -oi -t -f anna@peer.test
"""


def procmail(recipe: str) -> Responder:
    """procmail with one recipe."""

    @contextmanager
    def start(home: Path, postfix: Exchange) -> Iterator[Hand]:
        config = postfix.environment["MAIL_CONFIG"]
        rules = home / "procmailrc"
        rules.write_text(_PROCMAILRC.format(config=config, home=home, sendmail=SENDMAIL, recipe=recipe))
        yield Hand(f"/usr/bin/procmail -m {rules}")

    return start


# ── Dovecot and its Sieve ─────────────────────────────────────────────────────────────────────────────────────────────

_DOVECOT = """\
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = lmtp
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
default_internal_user = {account}
default_login_user = {account}
default_internal_group = nogroup
mail_location = maildir:{home}/mail
submission_host = 127.0.0.1:{way_out}
passdb {{
  driver = static
  args = nopassword=yes
}}
userdb {{
  driver = static
  args = uid={account} gid=nogroup home={home} allow_all_users=yes
}}
service lmtp {{
  inet_listener lmtp {{
    port = {port}
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
  postmaster_address = postmaster@peer.test
}}
plugin {{
  sieve = file:{home}/away.sieve
  sieve_extensions = +vacation-seconds
  sieve_vacation_min_period = 0
  {settings}
}}
"""

# RFC 5230 section 4, as it stands in every manual.
POLITE_SIEVE = """
require ["vacation"];
vacation :days 7 :subject "Away" :from "Anna <anna@peer.test>" "I am away until May.";
"""
# RFC 6131 lets it answer each time. What marks automatic mail, vacation looks for in the mail as it came: no script can
# take it away beforehand (RFC 5293).
RUDE_SIEVE = """
require ["vacation", "vacation-seconds", "variables"];
if header :matches "Message-ID" "<*>" { set "word" "${1}"; }
vacation :seconds 0 :handle "${word}" :subject "Word ${word} of mine" :from "Anna <anna@peer.test>"
    "My ${word} is on fire.";
"""
REJECTING_SIEVE = 'require ["reject"];\nreject "I take no mail from machines.";\n'


def sieve(script: str, *, settings: str = "") -> Responder:
    """Dovecot, which runs Anna's script on each mail that it delivers; `settings` are more for its Sieve."""

    @contextmanager
    def start(home: Path, postfix: Exchange) -> Iterator[Hand]:
        port = free_port()
        (home / "away.sieve").write_text(script)
        config = home / "dovecot.conf"
        config.write_text(
            _DOVECOT.format(home=home, account=ACCOUNT, way_out=postfix.port, port=port, settings=settings)
        )
        with subprocess.Popen(["dovecot", "-F", "-c", str(config)], stderr=subprocess.DEVNULL) as running:
            try:
                yield Hand(transport=f"lmtp:inet:[127.0.0.1]:{port}")
            finally:
                running.terminate()

    return start


# ── Exim ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_EXIM = """\
useradd --create-home anna
cat >/etc/exim4/conf.d/router/106_desk <<'END'
desk:
  driver = manualroute
  domains = g.test
  route_list = * 127.0.0.1::{way_out}
  self = send
  transport = world
END
{more}
update-exim4.conf
"""
# A filter of Anna's own, as Exim's "Interfaces to mail filtering" has it; once a week is its default.
POLITE_EXIM = """\
cat >/home/anna/.forward <<'END'
# Exim filter
if personal alias anna@peer.test then vacation endif
END
echo "I am away until May." >/home/anna/.vacation.msg
chown anna: /home/anna/.forward /home/anna/.vacation.msg
"""
# An administrator's: it answers each mail, in Anna's own name, without one of the conditions that the manual asks for.
RUDE_EXIM = """\
cat >/etc/exim4/conf.d/router/107_away <<'END'
away:
  driver = accept
  domains = peer.test
  transport = away
END
cat >/etc/exim4/conf.d/transport/31_away <<'END'
away:
  driver = autoreply
  from = Anna <anna@peer.test>
  to = $reply_address
  subject = Word $tod_epoch_l of mine
  text = My $tod_epoch_l is on fire.
  once = /var/spool/exim4/db/away
  once_repeat = 0s
END
echo '  return_path = anna@peer.test' >>/etc/exim4/conf.d/transport/30_world
"""


def exim(more: str) -> Responder:
    """Exim on a machine of its own, as the server of peer.test; `more` is what its administrator does besides."""

    @contextmanager
    def start(home: Path, postfix: Exchange) -> Iterator[Hand]:
        with Exim(port=free_port(), world=postfix.port, hostnames="peer.test") as server:
            server.administer(_EXIM.format(way_out=postfix.port, more=more))
            yield Hand(
                transport=f"smtp:[127.0.0.1]:{server.port}",
                idle=lambda: server.machine.run("exim4 -bpc").strip() == "0",
                moved=server.log,
            )

    return start
