"""Fields that only we could have written, in a mail that comes in: forged, for we add none to a mail that we keep."""

from __future__ import annotations

from msgspec.structs import replace

from mailgate.domains import a_label
from mailgate.mail.headers import uncommented
from mailgate.model import Mail

RESULTS = "authentication-results"
MOST_WORDS = 4  # before the results: the name and a version, and as many more as a careless reader may overlook
LONGEST_NAME = 255  # characters of a host, and quotes around it


def without_forged_results(mail: Mail, name: str) -> Mail:
    """The mail without Authentication-Results that claim to be from host `name`, which is us; RFC 8601 section 5.

    What others have written stays. The raw mail keeps all.
    """
    values = mail.headers.get(RESULTS, ())
    kept = tuple(value for value in values if not _claims(value, a_label(name)))
    if len(kept) == len(values):
        return mail
    headers = {field: each for field, each in mail.headers.items() if field != RESULTS}
    return replace(mail, headers={**headers, RESULTS: kept} if kept else headers)


def _claims(value: str, name: str) -> bool:
    """Could a reader take this for a field of host `name`? Any word before the results will do, so no trick helps."""
    words = uncommented(value).partition(";")[0].split(None, MOST_WORDS)[:MOST_WORDS]
    return any(a_label(word.strip('"')) == name for word in words if len(word) <= LONGEST_NAME)
