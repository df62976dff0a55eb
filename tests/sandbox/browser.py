"""A headless Chromium, spoken to in its own protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from contextlib import asynccontextmanager

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class Tab:
    """One page: it goes somewhere, runs JavaScript, and is photographed. ``problems`` is what its console said."""

    def __init__(self, socket):
        self._socket = socket
        self._sent = 0
        self._answers = {}
        self._loaded = asyncio.Event()
        self.problems = []

    async def listen(self):
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif told["method"] in {"Runtime.exceptionThrown", "Log.entryAdded"}:
                self.problems.append(json.dumps(told["params"]))

    async def tell(self, method, **parameters):
        self._sent += 1
        answer = self._answers[self._sent] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._sent, "method": method, "params": parameters})
        told = await asyncio.wait_for(answer, 30)
        assert "error" not in told, told
        return told["result"]

    async def loads(self, doing):
        """Do something that loads a page, and wait until it has."""
        self._loaded.clear()
        await doing
        await asyncio.wait_for(self._loaded.wait(), 30)

    async def go(self, url):
        await self.loads(self.tell("Page.navigate", url=url))

    async def run(self, script):
        told = await self.tell("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def look(self, *, width, height=900, dark=False, whole=False):
        """Its looks as PNG, at a width in CSS pixels."""
        await self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.tell("Emulation.setEmulatedMedia", features=[scheme])
        shot = await self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def open_tab(profile):
    """A fresh browser with the profile folder ``profile``, and its only tab."""
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *_FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port_file = profile / "DevToolsActivePort"
        async with asyncio.timeout(60):
            while not port_file.exists() or "\n" not in port_file.read_text():
                await asyncio.sleep(0.05)
        address = f"http://127.0.0.1:{port_file.read_text().split()[0]}/json"
        async with aiohttp.ClientSession() as session:
            async with session.get(address) as answer:
                (target,) = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                for part in ("Page", "Runtime", "Log"):
                    await tab.tell(f"{part}.enable")
                yield tab
                await socket.close()
                await listening
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
