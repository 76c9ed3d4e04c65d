"""What the tests of the page share: opening it with the network off, and asking its engine."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np

#: Every tensor of a picture, one after the other, as base64 of float32.
RESULTS = """
([image, names]) => {
  const { tensors } = runGraph(state.graph, bytesOf(image));
  const parts = names.map((name) => new Uint8Array(tensors.get(name).data.buffer));
  return parts.map((part) => {
    let text = "";
    for (let at = 0; at < part.length; at += 32768) text += String.fromCharCode(...part.subarray(at, at + 32768));
    return btoa(text);
  });
}
"""


def until(tab: Any, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way needs `eval`, which the page's policy forbids.

    Raises:
        AssertionError: it is not within half a minute.
    """
    for _ in range(300):
        if tab.evaluate(expression):
            return
        tab.wait_for_timeout(100)
    raise AssertionError(f"it never came true that {expression}")


class Opened:
    """A page in the browser. What it asks of the network and what goes wrong in it is kept."""

    def __init__(self, browser: Any, path: Path, **settings: Any) -> None:
        self.context = browser.new_context(offline=True, **{"viewport": {"width": 1440, "height": 900}, **settings})
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.wrong.append(said.text))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def _dismiss(self, dialog: Any) -> None:
        """No page of ours opens one."""
        self.wrong.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def ready(self) -> Any:
        """The page, once the network has run and a layer is shown."""
        self.page.wait_for_selector("#guide", state="attached", timeout=60_000)
        return self.page

    def results(self, image: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
        """What the engine makes of a picture: tensors by name, without their shapes."""
        packed = base64.b64encode(np.ascontiguousarray(image, np.uint8).tobytes()).decode()
        found = self.page.evaluate(RESULTS, [packed, names])
        return {name: np.frombuffer(base64.b64decode(one), np.float32) for name, one in zip(names, found, strict=True)}

    def close(self) -> None:
        self.context.close()
