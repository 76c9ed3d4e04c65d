"""What the tests of the page share: opening it with the network off, and asking its engine."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnref.page.write import PageContents

#: A function that packs the bytes of an array as base64 text.
PACKED = """
const packed = (data) => {
  const part = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = "";
  for (let at = 0; at < part.length; at += 32768) text += String.fromCharCode(...part.subarray(at, at + 32768));
  return btoa(text);
};
"""
#: Tensors of a picture by their names.
RESULTS = f"""
([image, names]) => {{
  {PACKED}
  const {{ tensors }} = runGraph(state.graph, bytesOf(image));
  return Object.fromEntries(names.map((name) => [name, packed(tensors.get(name).data)]));
}}
"""
#: Everything as it was when the page opened, but for the picture's place in the history.
AS_OPENED = """
async () => {
  document.querySelectorAll("details").forEach((one) => (one.open = false));
  askAbout(null);
  await showPicture(sampleOf(0));
  lookAt(firstLayer());
  document.activeElement.blur();
  scrollTo({ left: 0, top: 0, behavior: "instant" });
}
"""
#: Of axe-core's rules, those that depend on whether the page is light or dark.
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
#: [rule, the first element that breaks it], and how many rules were kept.
AXE = """
async ([where, runOnly]) => {
  const options = { resultTypes: ["violations"], ...(runOnly ? { runOnly } : {}) };
  const { violations, passes } = await axe.run(where, options);
  return [violations.map((one) => [one.id, one.nodes[0].html]), passes.length];
}
"""
#: What WCAG 2.2 AA asks for, of the rules of axe-core; without it, its advice is followed as well.
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def must_be_accessible(
    tab: Any, axe: str, where: str | dict[str, Any] = "body", rules: dict[str, Any] | None = None
) -> int:
    """Let axe-core look at a part of the page, then in the dark once more at its colours: how many rules it keeps.

    Raises:
        AssertionError: a rule is broken.
    """
    tab.evaluate(axe)
    tab.emulate_media(color_scheme="light")
    found, kept = tab.evaluate(AXE, [where, rules])
    assert found == []
    tab.emulate_media(color_scheme="dark")
    assert tab.evaluate(AXE, [where, OF_COLOURS])[0] == []
    tab.emulate_media(color_scheme="light")
    return int(kept)


def must_fit(tab: Any, widths: tuple[int, ...] = (320, 768, 1440)) -> None:
    """No width needs sideways scrolling; between the widths the page has the same layout.

    Raises:
        AssertionError: one needs it.
    """
    for width in widths:
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, width


def until(tab: Any, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way needs `eval`, which the page's policy forbids.

    Raises:
        AssertionError: it is not within half a minute.
    """
    for _ in range(1500):
        if tab.evaluate(expression):
            return
        tab.wait_for_timeout(20)
    raise AssertionError(f"it never came true that {expression}")


def results_of(tab: Any, image: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """What the engine makes of a picture: tensors by name, without their shapes."""
    packed = base64.b64encode(np.ascontiguousarray(image, np.uint8).tobytes()).decode()
    return numbers(tab.evaluate(RESULTS, [packed, names]))


def numbers(packed: dict[str, str], kind: type = np.float32) -> dict[str, np.ndarray]:
    """Numbers that a page gave as `packed` in its script: Playwright hands over each number of a list by itself."""
    return {name: np.frombuffer(base64.b64decode(one), kind) for name, one in packed.items()}


@dataclass(frozen=True)
class Large:
    """A network that is large enough for WebAssembly, and what Keras makes of the first sample."""

    contents: PageContents
    probabilities: np.ndarray


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

    def as_it_opened(self) -> Any:
        """The page, as it was when it opened, whatever was done with it since."""
        tab = self.ready()
        tab.set_viewport_size({"width": 1440, "height": 900})
        tab.emulate_media(reduced_motion="reduce", color_scheme="light", media="screen")
        tab.evaluate(AS_OPENED)
        return tab

    def was_quiet(self) -> None:
        """Nothing was asked for and nothing has gone wrong since this was last asked.

        Raises:
            AssertionError: something was.
        """
        wrong, asked = self.wrong[:], self.asked[:]
        self.wrong.clear()
        self.asked.clear()
        assert wrong == []
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []

    def close(self) -> None:
        self.context.close()
