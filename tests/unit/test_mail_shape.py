"""What is seen of how a mail is made: links, pictures, files and the tricks of those who hide."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.mail import shape
from mailgate.mail.shape import shape_of
from mailgate.mail.structure import structure_of
from mailgate.mail.text import text_of
from mailgate.model import Shape, Sign


def seen(raw: bytes) -> Shape:
    read = structure_of(raw)
    return shape_of(raw, read, text_of(raw, read))


def html(body: str, charset: str = "utf-8") -> Shape:
    return seen(f"Content-Type: text/html; charset={charset}\r\n\r\n{body}".encode())


def plain(body: str) -> Shape:
    return seen(f"Content-Type: text/plain\r\n\r\n{body}".encode())


def attached(name: str, content: bytes) -> bytes:
    head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nSee there.\r\n--b\r\n'
    kind = f'Content-Type: application/octet-stream; name="{name}"\r\n\r\n'.encode()
    return head + kind + content + b"\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("body", "signs"),
    [
        pytest.param('<a href="https://x.test/">x</a>', (), id="an ordinary link"),
        pytest.param('<a href="http://192.0.2.1/a">x</a>', (Sign.NUMERIC_LINK,), id="a number"),
        pytest.param('<a href="http://3221225985/">x</a>', (Sign.NUMERIC_LINK,), id="a number without dots"),
        pytest.param('<a href="http://[2001:db8::1]/">x</a>', (Sign.NUMERIC_LINK,), id="a number of IPv6"),
        pytest.param('<a href="https://bank.test@x.test/">x</a>', (Sign.USER_IN_LINK,), id="a name before the host"),
        pytest.param('<a href="https://x%2etest/">x</a>', (Sign.ENCODED_LINK,), id="an encoded host"),
        pytest.param('<a href="https://x.test:8080/">x</a>', (Sign.PORT_IN_LINK,), id="a port"),
        pytest.param('<a href="https://x.test:443/">x</a>', (), id="its own port"),
        pytest.param('<a href="http://[x/">x</a>', (Sign.MALFORMED_LINK,), id="no address"),
        pytest.param('<a href="https://xn--bcher-kva.test/">x</a>', (Sign.INTERNATIONAL_LINK,), id="another script"),
        pytest.param("<form action=x><input type=text></form>", (Sign.FORM,), id="a form"),
        pytest.param("<iframe src=x></iframe>", (Sign.SCRIPT,), id="a frame"),
        pytest.param('<p style="display: none">x</p>', (Sign.HIDDEN_WORDS,), id="words that nobody sees"),
        pytest.param("V<!-- a -->iag<!-- b -->r<!-- c -->a", (Sign.BROKEN_WORDS,), id="comments inside words"),
        pytest.param("Good<!-- a --> morning", (), id="a comment beside a word"),
        pytest.param("YES " * 40, (Sign.SHOUTING,), id="capitals"),
        pytest.param("Buy! Now! At! Once! Please!", (Sign.CRYING,), id="many cries"),
    ],
)
def test_odd_things_are_seen(body: str, signs: tuple[Sign, ...]) -> None:
    assert html(f"<p>{body}</p>").signs == signs


@pytest.mark.parametrize(
    ("link", "disguised"),
    [
        pytest.param('<a href="https://x.test/a">bank.test</a>', ("bank.test > x.test",), id="another host"),
        pytest.param('<a href="https://x.test/a">https://bank.test/b</a>', ("bank.test > x.test",), id="an address"),
        pytest.param('<a href="https://click.bank.test/a">www.bank.test</a>', (), id="another host of one domain"),
        pytest.param('<a href="https://x.test/a">Press here, bank.test waits</a>', (), id="words"),
    ],
)
def test_a_link_that_says_one_host_and_leads_to_another(link: str, disguised: tuple[str, ...]) -> None:
    assert html(link).disguised == disguised


def test_links_of_plain_text_count_too() -> None:
    found = plain("See https://x.test/a and www.y.test, not z.test.")

    assert (found.links, found.hosts) == (2, ("x.test", "www.y.test"))
    assert not found.html_only


def test_html_alone_and_html_beside_words() -> None:
    both = (
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n'
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hello<img src=x>\r\n--b--\r\n"
    )

    assert html("<p>Hello</p>").html_only
    assert not seen(both).html_only
    assert seen(both).pictures == 1


def test_plain_letters_in_base64() -> None:
    armour = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"

    assert seen(armour + b"SGVsbG8gd29ybGQh" * 20).signs == (Sign.ARMOURED, Sign.CRYING)
    assert seen(armour + b"R3LDvMOfZSBhdXM=" * 20).signs == (), "letters that need it"


def test_the_names_inside_an_archive_are_read_from_its_beginning() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Invoice.PDF.exe", b"MZ")
        archive.writestr("readme.txt", b"read me")

    assert seen(attached("invoice.zip", packed.getvalue())).archived == ("invoice.pdf.exe", "readme.txt")
    assert seen(attached("invoice.bin", packed.getvalue())).archived == ()
    assert seen(attached("invoice.zip", b"PK\x03\x04cut off")).archived == ()


def test_what_is_kept_of_a_mail_is_bounded() -> None:
    links = "".join(f'<a href="https://x{number}.test/">y{number}.example</a>' for number in range(1000))
    found = html(f"{'word ' * 5000}{links}")

    assert len(found.words) == shape.WORDS_CHARS
    assert found.links <= shape.MOST_LINKS
    assert max(len(found.hosts), len(found.disguised)) <= shape.MOST_HOSTS


@given(st.binary(max_size=400))
@settings(max_examples=30)
def test_any_bytes_have_a_shape(body: bytes) -> None:
    html_mail = b"Content-Type: text/html\r\n\r\n" + body
    assert isinstance(seen(body), Shape)
    assert isinstance(seen(html_mail), Shape)
    assert isinstance(seen(attached("a.zip", b"PK\x03\x04" + body)), Shape)
