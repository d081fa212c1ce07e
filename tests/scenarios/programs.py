"""Programs of Debian that answer mail by themselves: vacation, procmail, Dovecot's Sieve and Exim, polite and rude.

Polite is what its manual shows, rude the worst that can be configured without writing a program of one's own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.scenarios.debian_others import Exim
from tests.scenarios.ports import free_port
from tests.scenarios.responders import ACCOUNT, Exchange, Hand, Responder

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
SENDMAIL=/usr/sbin/sendmail
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
        rules = home / "procmailrc"
        rules.write_text(_PROCMAILRC.format(config=postfix.folder / "etc", home=home, recipe=recipe))
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
cat >~anna/.forward <<'END'
# Exim filter
if personal alias anna@peer.test then vacation endif
END
echo "I am away until May." >~anna/.vacation.msg
chown anna: ~anna/.forward ~anna/.vacation.msg
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
