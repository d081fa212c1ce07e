"""Other people's DKIM: OpenDKIM and Perl's Mail::DKIM sign and verify files here, without any network."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

LIMIT_S: Final = 30  # for one run of one program
# Programs of a mail server stand where no shell of a user looks.
PATH: Final = "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"

SIGN_PL: Final = """
use strict; use warnings; use Mail::DKIM::Signer;
my ($domain, $selector, $key, $method) = @ARGV;
my $signer = Mail::DKIM::Signer->new(Algorithm => 'rsa-sha256', Method => $method, Domain => $domain,
    Selector => $selector, KeyFile => $key);
binmode STDIN; binmode STDOUT; local $/;
my $mail = <STDIN>;
$signer->PRINT($mail); $signer->CLOSE;
print $signer->signature->as_string, "\\r\\n", $mail;
"""
VERIFY_PL: Final = """
use strict; use warnings; use Mail::DKIM::Verifier; use Net::DNS;
package Answers {
    sub new { my ($class, %known) = @_; bless {%known}, $class }
    sub query {
        my ($self, $name, $type) = @_;
        my $reply = Net::DNS::Packet->new($name, $type);
        my $text = $self->{lc $name};
        $reply->push(answer => Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => [$text =~ /.{1,255}/g]))
            if $text;
        $reply
    }
    sub send { query(@_) }
    sub errorstring { 'NOERROR' }
    sub AUTOLOAD {}
}
my ($name, $record) = @ARGV;
$Mail::DKIM::DNS::RESOLVER = Answers->new($name => $record);
binmode STDIN; local $/;
my $verifier = Mail::DKIM::Verifier->new;
my $mail = <STDIN>;
$verifier->PRINT($mail); $verifier->CLOSE;
print $verifier->result, "\\n";
"""
FILTER_LUA: Final = """
conn = mt.connect("local:SOCKET", 100, 0.05)
if conn == nil then error("the filter does not listen") end
mt.conninfo(conn, "localhost", "127.0.0.1")
mt.macro(conn, SMFIC_MAIL, "i", "one")
mt.mailfrom(conn, "anne@x.test")
mt.rcptto(conn, "support@g.test")
for line in io.lines("HEAD") do
    local name, value = line:match("^([^:]+): (.*)$")
    mt.header(conn, name, value)
end
mt.eoh(conn)
local file = io.open("BODY", "rb")
mt.bodystring(conn, file:read("a"))
mt.eom(conn)
io.write(mt.getheader(conn, "DKIM-Signature", 0))
mt.disconnect(conn)
"""


class Oracle(Protocol):
    """A DKIM that nobody here wrote. `record` is the key as it would stand in DNS under `name`."""

    packages: tuple[str, ...]

    def is_here(self) -> bool:
        """Is it installed on this machine?"""
        ...

    def sign(self, raw: bytes, key: bytes, canonical: str, folder: Path) -> bytes:
        """`raw` (CRLF lines, no folded fields) with a signature of x.test by the selector s1."""
        ...

    def verifies(self, raw: bytes, name: str, record: str, folder: Path) -> bool:
        """Does it hold the signature for good?"""
        ...


class MailDkim:
    """Mail::DKIM."""

    packages = ("libmail-dkim-perl",)

    def is_here(self) -> bool:
        """See `Oracle`."""
        if not shutil.which("perl", path=PATH):
            return False
        loads = subprocess.run(["perl", "-MMail::DKIM::Verifier", "-e", "1"], capture_output=True, check=False)
        return loads.returncode == 0

    def sign(self, raw: bytes, key: bytes, canonical: str, folder: Path) -> bytes:
        """See `Oracle`."""
        (folder / "key.pem").write_bytes(key)
        return _run(["perl", "-e", SIGN_PL, "x.test", "s1", str(folder / "key.pem"), canonical], raw)

    def verifies(self, raw: bytes, name: str, record: str, folder: Path) -> bool:
        """See `Oracle`."""
        return _run(["perl", "-e", VERIFY_PL, name, record], raw) == b"pass\n"


class OpenDkim:
    """OpenDKIM: its filter signs, its test mode verifies with a file in the place of DNS."""

    packages = ("opendkim", "miltertest")

    def is_here(self) -> bool:
        """See `Oracle`."""
        return all(shutil.which(program, path=PATH) for program in ("opendkim", "miltertest"))

    def sign(self, raw: bytes, key: bytes, canonical: str, folder: Path) -> bytes:
        """See `Oracle`."""
        head, _, body = raw.partition(b"\r\n\r\n")
        (folder / "head").write_bytes(head.replace(b"\r\n", b"\n") + b"\n")
        (folder / "body").write_bytes(body)
        places = {"SOCKET": folder / "socket", "HEAD": folder / "head", "BODY": folder / "body"}
        script = FILTER_LUA
        for word, path in places.items():
            script = script.replace(word, str(path))
        (folder / "session.lua").write_text(script)
        with _filter(key, canonical, folder):
            value = _run(["miltertest", "-s", str(folder / "session.lua")], b"")
        return b"DKIM-Signature:" + value.replace(b"\n", b"\r\n") + b"\r\n" + raw

    def verifies(self, raw: bytes, name: str, record: str, folder: Path) -> bool:
        """See `Oracle`."""
        (folder / "mail").write_bytes(raw)
        (folder / "dns").write_text(f"{name} {record}\n")
        (folder / "verify.conf").write_text(f"Mode v\nTestDNSData {folder / 'dns'}\n")
        told = _run(["opendkim", "-x", str(folder / "verify.conf"), "-t", str(folder / "mail")], b"")
        return b" succeeded" in told


@contextmanager
def _filter(key: bytes, canonical: str, folder: Path) -> Iterator[None]:
    (folder / "key.pem").write_bytes(key)
    (folder / "key.pem").chmod(0o600)
    (folder / "sign.conf").write_text(
        f"Mode s\nDomain x.test\nSelector s1\nKeyFile {folder / 'key.pem'}\nCanonicalization {canonical}\n"
        f"SignatureAlgorithm rsa-sha256\nOversignHeaders From\nSocket local:{folder / 'socket'}\nRequireSafeKeys no\n"
    )
    program = [_program("opendkim"), "-f", "-x", str(folder / "sign.conf")]
    with subprocess.Popen(program, stderr=subprocess.PIPE) as running:
        try:
            yield
        finally:
            running.kill()
            running.wait()


def _run(command: list[str], given: bytes) -> bytes:
    program, *rest = command
    whole = [_program(program), *rest]
    done = subprocess.run(whole, input=given, capture_output=True, timeout=LIMIT_S, check=False)
    # OpenDKIM tells its result where others tell errors.
    return done.stdout or done.stderr


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is not installed"
    return found
