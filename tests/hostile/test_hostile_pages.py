"""Pages of networks whose names mean harm, opened in a browser: nothing runs, is asked for, or goes wrong."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hostile_faults import KINDS, hostile_contents
from opened import Opened

from cnnref.page.write import page

#: What only a name could have brought into the page, and its scripts.
FOUND = """
() => {
  const every = [...document.querySelectorAll("*")];
  const links = every.map((one) => one.getAttribute("href") || one.getAttribute("src") || "");
  return {
    handlers: every.filter((one) => [...one.attributes].some(({ name }) => name.startsWith("on"))).length,
    links: links.filter((link) => /^\\s*(javascript:|x$)/.test(link)).length,
    scripts: document.scripts.length,
  };
}
"""


def test_nothing_of_a_hostile_page_runs(browser: Any, tmp_path: Path) -> None:
    scripts = set()
    path = tmp_path / "page.html"
    for number in range(KINDS["pages"][1]):
        contents = hostile_contents(random.Random(f"pages {number}"))
        path.write_text(page(contents), encoding="utf-8")
        opened = Opened(browser, path)
        found = opened.ready().evaluate(FOUND)
        opened.close()
        scripts.add(found.pop("scripts"))
        assert found == {"handlers": 0, "links": 0}, number
        # A dialog, an error, a warning and what the page's policy stops are all kept here.
        assert opened.wrong == [], number
        assert [url for url in opened.asked if not url.startswith((path.as_uri(), "blob:", "data:"))] == [], number
    assert len(scripts) == 1, "every page has the same scripts, whatever its names are"
