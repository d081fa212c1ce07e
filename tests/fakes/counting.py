"""What every limit counts, said once more and plainly: whose a permit is by each key, and whether it is of a sort."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.model import Counted, Grant, Key, Purpose

SUBJECTS: dict[Key, Callable[[Grant], object]] = {
    Key.TICKET: lambda grant: grant.ticket_id,
    Key.ADDRESS: lambda grant: grant.address if grant.purpose.outside else None,
    Key.STAFF: lambda grant: grant.address if grant.purpose.to_staff else None,
    Key.DOMAIN: lambda grant: None if grant.shared else grant.domain,
    Key.SHARED: lambda grant: grant.domain if grant.shared else None,
    Key.FINGERPRINT: lambda grant: grant.fingerprint or None,
    Key.ORIGIN: lambda grant: None if grant.shared else grant.origin,
    Key.TARGET: lambda grant: grant.address if grant.purpose is Purpose.REDIRECT else None,
    Key.SENDER: lambda grant: grant.origin if grant.purpose is Purpose.REDIRECT else None,
    Key.TOTAL: lambda grant: "everybody",
}
IS_COUNTED: dict[Counted, Callable[[Grant], bool]] = {
    Counted.ANY: lambda grant: grant.purpose is not Purpose.REDIRECT,
    Counted.CHALLENGE: lambda grant: grant.purpose is Purpose.CHALLENGE,
    Counted.ACKNOWLEDGE: lambda grant: grant.purpose is Purpose.ACKNOWLEDGE,
    Counted.UNPROVEN: lambda grant: grant.unproven,
    Counted.NOTICE: lambda grant: grant.purpose is Purpose.NOTICE,
    Counted.DIGEST: lambda grant: grant.purpose is Purpose.DIGEST,
    Counted.REDIRECT: lambda grant: grant.purpose is Purpose.REDIRECT,
}
