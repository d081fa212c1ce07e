import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mail.template import TemplateError, fill, read, render

TEXT = "Subject: Hello from ${desk}\n\nYour ticket is ${ticket}. It costs 5 $$.\n"


def test_a_template_becomes_subject_and_body() -> None:
    assert render(TEXT, {"desk": "the desk", "ticket": "7"}) == (
        "Hello from the desk",
        "Your ticket is 7. It costs 5 $.\n",
    )


FAULTS = {
    "unknown name": ("Subject: x\n\n${Desk} and ${ticket}", "${Desk}", "${desk}, ${ticket}", 3),
    "lone dollar sign": ("Subject: x\n\n5 $ or so", "'5 $ or so'", "'$' only in ${name}; '$$' for a dollar sign", 3),
    "no subject": ("Hello\n\nyou", "'Hello'", "a first line 'Subject: …' and an empty line after it", 1),
    "subject and body not parted": (
        "Subject: x\nyou",
        "'Subject: x'",
        "a first line 'Subject: …' and an empty line after it",
        1,
    ),
    "no body": ("Subject: x\n\n", "no body", "a text after the empty line", 3),
}


@pytest.mark.parametrize(("text", "found", "allowed", "line"), FAULTS.values(), ids=FAULTS)
def test_a_template_that_cannot_be_used_says_what_to_write_instead(
    text: str, found: str, allowed: str, line: int
) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text, {"desk", "ticket"})
    assert (caught.value.found, caught.value.allowed, caught.value.line) == (found, allowed, line)


@given(st.text(), st.text())
def test_any_value_stays_in_its_place(desk: str, ticket: str) -> None:
    subject, body = fill(read(TEXT, {"desk", "ticket"}), {"desk": desk, "ticket": ticket})
    assert len(subject.splitlines()) == 1
    assert len(body.splitlines()) == 1
