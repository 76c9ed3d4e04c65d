"""The texts of the page: the same in every language, all used, and nothing that is read lies outside of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from opened import Opened

from cnnref.errors import InputError
from cnnref.page.bundle_scripts import read_module
from cnnref.page.compact import compact_script
from cnnref.page.texts import PLACE, Text, languages, script_of_texts, texts_of
from cnnref.page.write import PAGE, write_page
from cnnref.runtimes import find_bundle, read_bundle

#: The forms that the plurals of a language have, by Unicode's CLDR.
FORMS = {"en": {"one", "other"}, "de": {"one", "other"}}
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`')
WORDS = re.compile(r"[a-z]{2,}[,:;.]? [a-z]{2,}", re.IGNORECASE)
#: Strings with two words that nobody reads: selectors, styles, WebAssembly, and mistakes of the program itself.
UNREAD = re.compile(
    r"[.(].*|.*i32.*|use strict|font: .*|Raw profile type exif"
    r"|There is no result called .*|The page has no element .*|No network is loaded\.|No run has begun\.",
    re.DOTALL,
)
CLASS = re.compile(r"\bclass(?:Name)?[:=][^,}\n]*$")
OF_ASSEMBLER = PAGE / "engine/webassembly.js"
#: What is read or spoken: the text of the page, and what is said of its elements.
READ = """() => {
  dispatchEvent(new Event("beforeprint"));
  document.querySelectorAll("details").forEach((one) => (one.open = true));
  const said = ["aria-label", "title", "placeholder", "alt", "aria-roledescription", "aria-valuetext"];
  const all = [...document.querySelectorAll("body *:not(script):not(noscript)")];
  return [
    ...all.flatMap((one) => [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.nodeValue)),
    ...all.flatMap((one) => said.map((name) => one.getAttribute(name) ?? "")),
  ].filter((text) => /[a-z]{2}/i.test(text));
}"""


def scripts() -> dict[Path, str]:
    return {
        file: compact_script(read_module(file).script)
        for file in sorted(PAGE.rglob("*.js"))
        if "config" not in file.name
    }


def forms(text: Text) -> Mapping[str, str]:
    return {"other": text} if isinstance(text, str) else text


@pytest.mark.parametrize("language", languages())
def test_a_language_has_every_text_with_the_same_places(language: str) -> None:
    english, texts = texts_of("en"), texts_of(language)
    assert list(texts) == list(english)
    assert texts["language"] == language
    for key, text in texts.items():
        assert isinstance(text, str) == isinstance(english[key], str), key
        assert isinstance(text, str) or set(text) == FORMS[language], key
        places = set(PLACE.findall(forms(english[key])["other"]))
        for form in forms(text).values():
            assert form.strip(), key
            # A form for one may say "a" in the place of the count.
            assert places - set(PLACE.findall(form)) <= {"count"}, key
            assert set(PLACE.findall(form)) <= places, key


def test_the_scripts_use_every_text_and_no_other() -> None:
    sources = "\n".join(scripts().values())
    named = set(re.findall(r'"([a-z]\w*(?:\.[\w-]+)+)"', sources))
    composed = [re.compile(re.escape(one) + r"\w+") for one in re.findall(r"phrase\(`([\w.]+:)\$\{", sources)]
    for key in texts_of("en"):
        if "." in key and not key.startswith("page."):
            assert key in named or any(one.fullmatch(key) for one in composed), key
    for key in re.findall(r'phrases?\("([^"]+)"', sources):
        assert key in texts_of("en")


def test_nothing_to_read_is_left_in_the_scripts() -> None:
    for file, script in scripts().items():
        for found in STRING.finditer(script):
            text = re.sub(r"\$\{[^}]*\}", "", found[1] or found[2] or "")
            a_class = CLASS.search(script[max(0, found.start() - 80) : found.start()])
            if file != OF_ASSEMBLER and WORDS.search(text) and not a_class:
                assert UNREAD.fullmatch(text), f"{file.name}: {text}"


def test_texts_can_neither_end_a_script_nor_leave_their_places() -> None:
    assert script_of_texts({"address.copied": '</script> "'}, ['"address.copied"']).endswith(':"\\u003c/script> \\""}')


def test_an_unknown_language_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"no texts in the language 'xx'; it has them in en \(English\), de \(Deutsch\)\."
    ):
        write_page(read_bundle(find_bundle("lenet5-mnist")), tmp_path / "page.html", language="xx")
    assert list(tmp_path.iterdir()) == []


def test_a_german_page_is_german_throughout(opened: Callable[..., Opened], axe: str, tmp_path: Path) -> None:
    """With everything open, no text of the English file is left in it, it is for everyone, and it fits a phone."""
    page = write_page(read_bundle(find_bundle("lenet5-mnist")), tmp_path / "page.html", language="de")
    tab = opened(page, viewport={"width": 390, "height": 844}, reduced_motion="reduce").ready()
    read = "\n".join(tab.evaluate(READ))
    german = "\n".join(form for text in texts_of("de").values() for form in forms(text).values())
    for key, text in texts_of("en").items():
        if key in ("language", "name") or key.startswith("page.shows"):
            continue
        for form in forms(text).values():
            # The longest piece between two places; one that German says as well tells nothing.
            piece = max(PLACE.sub("\n", form).split("\n"), key=len).strip()
            if len(piece) >= 8 and piece not in german:
                assert piece not in read, key
    assert tab.evaluate("document.documentElement.lang") == "de"
    assert tab.locator(".facts-line").text_content().count(".000") == 1  # 10.000 test pictures
    assert re.search(r"am wahrscheinlichsten 0, \d+,\d+\u00a0%\.", tab.text_content("#status"))
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.evaluate(axe)
    assert tab.evaluate("axe.run().then(({ violations }) => violations.map((one) => one.id))") == []
