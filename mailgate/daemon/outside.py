"""Faces: makes from the settings who is asked about mail, and to whom it is handed. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailgate.config import Settings
from mailgate.context import Context
from mailgate.errands import Errands
from mailgate.identity import secret
from mailgate.intake import Beside
from mailgate.log import Log
from mailgate.net.dnsbl import DnsList, ListAsked, Of
from mailgate.net.http import Http, Unanswered
from mailgate.net.judges import Judge, Judges
from mailgate.net.resolver import Names
from mailgate.net.rspamd import Rspamd
from mailgate.net.webhook import Hook, Hooks
from mailgate.opinions import Opine, nobody


class Outside:
    """Everybody outside whom the configuration names, over one set of connections.

    Raises ConfigError where a password or a secret cannot be read.
    """

    def __init__(self, settings: Settings, names: Names, log: Log) -> None:
        self._http = Http()
        password = secret(settings.spam.password_file, "spam.password_file")
        self._rspamd = Rspamd(self._http, settings.spam.rspamd, password) if settings.spam.rspamd else None
        asked = list(self._judges(settings, names))
        self.opine: Opine = Judges(asked, settings.spam.deadline_ms / 1000, log) if asked else nobody
        hooks = {one.name: Hook(one.url, secret(one.secret_file, "webhook.secret_file")) for one in settings.webhook}
        self._hooks = Hooks(self._http, hooks)

    def errands(self, context: Context, owner: str, beside: Beside, *, on_news: Callable[[], None]) -> Errands:
        """Who carries mail to them. What he is given besides is as for `Errands`."""
        return Errands(context, self._hooks.post, self._learn, owner=owner, beside=beside, on_news=on_news)

    async def close(self) -> None:
        """End all connections."""
        await self._http.close()

    def _judges(self, settings: Settings, names: Names) -> Iterable[Judge]:
        if self._rspamd:
            yield self._rspamd
        for table in settings.dns_list:
            yield ListAsked(names, DnsList(table.zone, Of(table.of), table.codes))

    async def _learn(self, raw: bytes, spam: bool) -> str:
        if self._rspamd is None:
            raise Unanswered("no [spam] rspamd in the configuration")
        return await self._rspamd.learn(raw, spam=spam)
