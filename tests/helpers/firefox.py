"""Firefox without a window, driven by WebDriver BiDi, which it speaks itself.

Playwright drives Firefox builds of its own only; a Debian package of Firefox is not one of them.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")


class Firefox:
    """One tab. What the console said and what was asked of the network is kept in `said` and `asked`."""

    def __init__(self, program: str, profile: Path) -> None:
        command = [program, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", str(profile)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr
        found = next((match for line in self.process.stderr if (match := LISTENS.search(line))), None)
        if not found:
            raise RuntimeError(f"{program} ended before it listened to WebDriver BiDi.")
        self.held = ExitStack()
        self.socket = self.held.enter_context(connect(found[1] + "/session", max_size=None))
        self.count = 0
        self.said: list[str] = []
        self.asked: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.context = self.command("browsingContext.getTree")["contexts"][0]["context"]

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command; events that come before it are kept."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": parameters}))
        while True:
            told = json.loads(self.socket.recv(timeout=60))
            if told.get("method") == "log.entryAdded" and told["params"]["level"] in ("error", "warn"):
                self.said.append(told["params"]["text"])
            elif told.get("method") == "network.beforeRequestSent":
                self.asked.append(told["params"]["request"]["url"])
            elif told.get("id") == self.count:
                if told["type"] == "error":
                    raise RuntimeError(f"{method}: {told['message']}")
                return dict(told["result"])

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, which JSON can hold; of a promise, what it becomes."""
        asked = f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))"
        told = self.command("script.evaluate", expression=asked, target={"context": self.context}, awaitPromise=True)
        if told["type"] != "success":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return json.loads(told["result"]["value"])

    def open(self, url: str) -> None:
        """Open an address, in a document of its own."""
        self.command("browsingContext.navigate", context=self.context, url="about:blank", wait="complete")
        self.command("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """The size of the page in pixels."""
        self.command("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a place of the window."""
        moves = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        actions = [{"type": "pointer", "id": "mouse", "actions": moves}]
        self.command("input.performActions", context=self.context, actions=actions)

    def back(self) -> None:
        """What the Back button does."""
        self.command("browsingContext.traverseHistory", context=self.context, delta=-1)

    def close(self) -> None:
        """End the browser."""
        self.held.close()
        assert self.process.stderr
        self.process.terminate()
        self.process.stderr.close()
        self.process.wait(timeout=30)
