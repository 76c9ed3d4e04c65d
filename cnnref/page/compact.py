"""JavaScript without the comments and spaces that only people read: the page has room for other things.

Declarations and calls stay on lines of their own, so that a mistake in the page still has a place; names stay names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

#: A slash behind one of these begins a regular expression; behind anything else it divides.
BEFORE_EXPRESSION = "(,=:[!&|?{};\n"
QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
EXPRESSION = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
SPACE = re.compile(r"[ \t]+")
WORD = re.compile(r"[\w$]")
#: Line breaks inside of a statement: behind what opens or goes on, before what closes or goes on; and the comma or
#: semicolon before a closing brace (but not the empty statement behind a condition). Statements that follow another one
#: in its block share its line.
INSIDE = re.compile(
    r"(?<=[(\[{,=?:&|>])\n+|,?\n+(?=[)\]])|(?:,|(?<=[^)]);)?\n+(?=\})|\n+(?=[.?:&|])"
    r"|(?<=;)\n+(?=(?:return|throw|break|continue|if|for|while)\b)"
)
#: What is copied whatever surrounds it.
PLAIN = re.compile(r"[\w$.,;:()\[\]<>=!&|?*%^~@#\n-]+")


def compact_script(script: str) -> str:
    """The same program in fewer letters.

    Args:
        script: JavaScript in which no regular expression begins behind a word, as in `return /x/`.
    """
    return _Compacted(script).text


def _joined(run: Iterable[tuple[int, str]]) -> str:
    """Parts that are not quoted, without the line breaks inside of a statement."""
    return INSIDE.sub("", "".join(part for _, part in run))


class _Compacted:
    """Goes through a script once; what is quoted is copied as it is."""

    def __init__(self, script: str) -> None:
        self.script, self.at = script, 0
        self.parts: list[str] = []
        #: Which of the parts are quoted, or a piece of a template or a regular expression.
        self.quoted: set[int] = set()
        #: How many braces are open in each of the nested `${...}` of templates.
        self.open: list[int] = []
        while self.at < len(script):
            self._step()
        runs = groupby(enumerate(self.parts), lambda part: part[0] in self.quoted)
        texts = ("".join(part for _, part in run) if quoted else _joined(run) for quoted, run in runs)
        self.text = re.sub(r"\n{2,}", "\n", "".join(texts))

    def _step(self) -> None:
        letter = self.script[self.at]
        comment = COMMENT.match(self.script, self.at)
        if letter in "\"'":
            self._copy(QUOTED)
        elif letter == "`":
            self.parts.append(letter)
            self.at += 1
            self._template()
        elif comment:
            self.at = comment.end()
        elif letter == "/" and self._last() in BEFORE_EXPRESSION:
            self._copy(EXPRESSION)
        elif letter in " \t":
            self._space()
        elif letter == "}" and self.open and self.open[-1] == 0:
            self.open.pop()
            self.parts.append(letter)
            self.at += 1
            self._template()
        elif PLAIN.match(self.script, self.at):
            self._copy(PLAIN)
        else:
            if self.open:
                self.open[-1] += {"{": 1, "}": -1}.get(letter, 0)
            self.parts.append(letter)
            self.at += 1

    def _copy(self, pattern: re.Pattern[str]) -> None:
        if pattern is not PLAIN:
            self.quoted.add(len(self.parts))
        found = pattern.match(self.script, self.at)
        end = found.end() if found else self.at + 1
        self.parts.append(self.script[self.at : end])
        self.at = end

    def _template(self) -> None:
        """Copy the text of a template until it ends, or until something computed begins in it."""
        self._copy(TEMPLATE)
        computed = self.script.startswith("${", self.at)
        self.parts.append(self.script[self.at : self.at + 1 + computed])
        self.at += 1 + computed
        if computed:
            self.open.append(0)

    def _space(self) -> None:
        """Keep one space where two words, or two signs that would make another one, would run together."""
        self.at = SPACE.match(self.script, self.at).end()  # type: ignore[union-attr]
        before, after = self._last(), self.script[self.at : self.at + 1]
        words = bool(WORD.match(before) and WORD.match(after))
        if words or (before in "+-" and after in "+-") or (before == "/" and after in "/*"):
            self.parts.append(" ")

    def _last(self) -> str:
        """The last letter that was copied; a line break at the beginning."""
        return next((part[-1] for part in reversed(self.parts) if part and part[-1] not in " \t"), "\n")
