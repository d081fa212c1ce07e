"""A Postfix as Debian's package installs it for an Internet site, on which commands can be run as its administrator.

    with DebianPostfix(port=free_port(), smarthost=sink.port, main={"mydestination": "g.test"}) as postfix:
        postfix.administer(script)

What differs from the package is where it lives and listens, that its mail for others goes to a smart host of ours, and
that only 127.0.0.1 is one of its own networks: whoever calls from 127.0.0.2 comes from outside.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.scenarios import postfix
from tests.scenarios.postfix import Postfix

_PACKAGE = Path("/usr/share/postfix")

# What the package's postinst sets from the answers to its questions, for an Internet site.
_ANSWERS = {
    "smtpd_relay_restrictions": "permit_mynetworks permit_sasl_authenticated defer_unauth_destination",
    "myhostname": "mail.g.test",
    "myorigin": "g.test",
    "relayhost": "",
    "mailbox_size_limit": "0",
    "recipient_delimiter": "+",
}
# What keeps it on this machine and out of its files.
_PRIVATE = {
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "mynetworks": "127.0.0.1/32",
    "disable_dns_lookups": "yes",
    "alias_maps": "",
    "alias_database": "",
}


def missing() -> str:
    """Why it cannot be run here, naming the package; "" where it can."""
    if not (_PACKAGE / "main.cf.debian").exists():
        return "needs the package postfix of Debian"
    return postfix.missing()


class DebianPostfix(Postfix):
    """One private instance, running while the context is open. `main` are further answers of its administrator."""

    def __init__(self, *, port: int, smarthost: int, main: Mapping[str, str]) -> None:
        super().__init__(port=port, main=main)
        spool = {"mail_spool_directory": f"{self.folder}/mail", "relayhost": f"[127.0.0.1]:{smarthost}"}
        self._main = {**_ANSWERS, **_PRIVATE, **self._folders(), **spool, **main}

    def administer(self, script: str) -> None:
        """Run a shell script as its administrator would. Raises RuntimeError with what it said where it fails."""
        done = subprocess.run(["sh"], input=script, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{done.returncode}: {done.stdout}{done.stderr}")

    def setting(self, name: str) -> str:
        """What main.cf says of one parameter."""
        command = ["postconf", "-h", name]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True).stdout.strip()

    def _configure(self, etc: Path) -> None:
        shipped = (_PACKAGE / "main.cf.debian").read_text() + (_PACKAGE / "main.cf.tls").read_text()
        # The certificate that Debian makes of itself is another package's.
        (etc / "main.cf").write_text(shipped.replace("smtpd_tls_security_level=may", "smtpd_tls_security_level=none"))
        master = (_PACKAGE / "master.cf.dist").read_text()
        assert "\nsmtp      inet" in master
        (etc / "master.cf").write_text(master.replace("\nsmtp      inet", f"\n{self.port} inet"))
        (self.folder / "mail").mkdir()
        (self.folder / "mail").chmod(0o1777)
        answers = [f"{name}={value}" for name, value in self._main.items()]
        subprocess.run(["postconf", "-e", *answers], env=self._environment, capture_output=True, check=True)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "MAIL_CONFIG": str(self.folder / "etc")}
