"""Exim and OpenSMTPD as Debian's packages install them, each on a machine of its own that is an overlay of this one.

What differs from the packages is the port they listen at, and that mail for customers goes to a sink of ours.
"""

from __future__ import annotations

import contextlib
import subprocess
from types import TracebackType
from typing import Self

from tests.scenarios.overlay import Overlay, packages

# The answers to the questions of exim4-config, for an Internet site.
_EXIM = """\
useradd --system --user-group --home-dir /var/spool/exim4 Debian-exim
install --directory --owner Debian-exim --group Debian-exim /var/spool/exim4 /var/log/exim4
echo mail.g.test >/etc/mailname
cat >/etc/exim4/update-exim4.conf.conf <<'END'
dc_eximconfig_configtype='internet'
dc_other_hostnames='{hostnames}'
dc_local_interfaces='127.0.0.1.{port}'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='{split}'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
END
cat >/etc/exim4/conf.d/router/105_world <<'END'
world:
  driver = manualroute
  domains = customer.test
  route_list = * 127.0.0.1
  self = send
  transport = world
END
cat >/etc/exim4/conf.d/transport/30_world <<'END'
world:
  driver = smtp
  port = {world}
  allow_localhost
END
update-exim4.conf
"""

_OPENSMTPD = """\
for name in opensmtpd opensmtpq; do
    useradd --system --user-group --home-dir /var/lib/opensmtpd/empty $name
done
mkdir --parents /var/lib/opensmtpd/empty
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
touch /etc/aliases
echo mail.g.test >/etc/mailname
sed --in-place 's|^listen on localhost|listen on 127.0.0.1 port {port}|
s|^action "relay" relay|& host smtp+notls://127.0.0.1:{world}|' /etc/smtpd.conf
"""


class _Other:
    """A mail server on a machine of its own. It starts when it has been administered, as after a reload."""

    name: str
    command: tuple[str, ...]
    log_file: str
    flush_command: str

    def __init__(self, *, port: int, world: int, prepared: str) -> None:
        self.port = port
        self.world = world
        self._prepared = prepared
        self._running: subprocess.Popen[bytes] | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.machine = self._stack.enter_context(Overlay(packages(self.name)))
        try:
            self.machine.run(self._prepared)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running:
            self._running.terminate()
            self._running.wait()
        self._stack.close()

    def administer(self, script: str) -> None:
        """Run a shell script as its administrator would, then have the server read its files."""
        self.machine.run(script)
        self._running = self.machine.spawn(*self.command)
        self.machine.run(
            f"for wait in $(seq 200); do ! bash -c '</dev/tcp/127.0.0.1/{self.port}' 2>/dev/null || exit 0; "
            "sleep 0.1; done; exit 1"
        )

    def log(self) -> str:
        """All that it logged."""
        return self.machine.run(f"cat {self.log_file} 2>/dev/null || true")

    def flush(self) -> None:
        """Have it try again at once what it has deferred."""
        self.machine.run(self.flush_command)


class Exim(_Other):
    """Exim. `hostnames` are the domains in which people have mailboxes."""

    name = "exim"
    command = ("exim4", "-bdf", "-q30m")
    log_file = "/var/log/exim4/mainlog"
    flush_command = "exim4 -qff"

    def __init__(self, *, port: int, world: int, hostnames: str = "", split: str = "true") -> None:
        super().__init__(port=port, world=world, prepared=_EXIM.format(**locals()))


class OpenSmtpd(_Other):
    """OpenSMTPD."""

    name = "opensmtpd"
    command = ("sh", "-c", "exec smtpd -d >/var/log/smtpd 2>&1")
    log_file = "/var/log/smtpd"
    flush_command = "smtpctl schedule all"

    def __init__(self, *, port: int, world: int) -> None:
        super().__init__(port=port, world=world, prepared=_OPENSMTPD.format(**locals()))
