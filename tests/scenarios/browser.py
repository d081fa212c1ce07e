"""A real Chromium without a window, spoken to by WebDriver (https://www.w3.org/TR/webdriver2/) over plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Self

NEEDED = {"chromium": "chromium", "chromedriver": "chromium-driver"}  # program, Debian package
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of an element's id, as the standard has it
TAB, ENTER = "\ue004", "\ue007"
NO_MORE = "does not belong to the document"  # of an element whose page has just been left
PATIENCE_S = 60
NEXT_LOOK_S = 0.02


def missing() -> str:
    """The Debian packages that are not there, for a reason to skip; "" where all are."""
    lacking = [package for program, package in NEEDED.items() if not shutil.which(program)]
    return f"needs the packages {' '.join(lacking)}" if lacking else ""


class Browser:
    """One window. Scripts are forbidden to its pages, as careful people have it."""

    async def __aenter__(self) -> Self:
        self._driver = await asyncio.create_subprocess_exec(
            "chromedriver", "--port=0", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        assert self._driver.stdout
        async with asyncio.timeout(PATIENCE_S):
            await self._driver.stdout.readuntil(b"successfully on port ")
            told = await self._driver.stdout.readline()
        self._port, self._session = int(told.partition(b".")[0]), ""
        options = {
            "binary": shutil.which("chromium"),
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
            "prefs": {"profile.managed_default_content_settings.javascript": 2},
        }
        made = await self._ask("POST", "", capabilities={"alwaysMatch": {"goog:chromeOptions": options}})
        self._session = f"/{made['sessionId']}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._session:
                await self._ask("DELETE", "")
        finally:
            self._driver.terminate()
            await self._driver.communicate()

    async def open(self, url: str) -> None:
        await self._ask("POST", "/url", url=url)

    async def find(self, selector: str) -> list[str]:
        """The ids of all elements that a CSS selector finds."""
        found = await self._ask("POST", "/elements", using="css selector", value=selector)
        return [one[ELEMENT] for one in found]

    async def only(self, selector: str) -> str:
        """The id of the one element that a CSS selector finds, as soon as the page that is loading has it."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := await self.find(selector)) != 1:  # noqa: ASYNC110 - a browser sets no event of ours
                await asyncio.sleep(NEXT_LOOK_S)
        return found[0]

    async def left(self, element: str) -> None:
        """Wait until the page that had an element has given way to another."""
        async with asyncio.timeout(PATIENCE_S):
            while await self._attached(element):  # noqa: ASYNC110 - a browser sets no event of ours
                await asyncio.sleep(NEXT_LOOK_S)

    async def focused(self) -> str:
        """The id of the element that has the focus."""
        return str((await self._ask("GET", "/element/active"))[ELEMENT])

    async def text(self, element: str) -> str:
        return str(await self._ask("GET", f"/element/{element}/text"))

    async def css(self, element: str, name: str) -> str:
        return str(await self._ask("GET", f"/element/{element}/css/{name}"))

    async def property(self, element: str, name: str) -> Any:
        return await self._ask("GET", f"/element/{element}/property/{name}")

    async def rect(self, element: str) -> dict[str, float]:
        return dict(await self._ask("GET", f"/element/{element}/rect"))

    async def label(self, element: str) -> str:
        """What a screen reader calls it."""
        return str(await self._ask("GET", f"/element/{element}/computedlabel"))

    async def click(self, element: str) -> None:
        await self._ask("POST", f"/element/{element}/click")

    async def press(self, key: str) -> None:
        strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        await self._ask("POST", "/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    async def devtools(self, command: str, **params: Any) -> Any:
        return await self._ask("POST", "/goog/cdp/execute", cmd=command, params=params)

    async def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(await self._ask("GET", "/screenshot"))

    async def _attached(self, element: str) -> bool:
        status, value = await self._told("GET", f"/element/{element}/name", {})
        # Asked in the very moment of the change, the browser says the second.
        gone = status != 200 and (value["error"] == "stale element reference" or NO_MORE in value["message"])
        assert status == 200 or gone, value
        return status == 200

    async def _ask(self, method: str, path: str, **body: Any) -> Any:
        status, value = await self._told(method, path, body)
        assert status == 200, value
        return value

    async def _told(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return await asyncio.to_thread(self._call, method, f"/session{self._session}{path}", body)

    def _call(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, json.dumps(body) if method == "POST" else None)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())["value"]
        finally:
            connection.close()
