"""What can happen to a program and to what it has written: kills, full disks, races, damaged runs; and to a page.

The last of these, and all kinds together, are here too. A fault happens in a fork of the process that tries the cases,
so that importing costs once.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import hostile_inputs
import numpy as np
from hostile_inputs import Case, changed

from cnnref.errors import EXPECTED

#: Names that do harm where they are printed, written into a page, or taken for a path.
NAMES = (
    *("<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", "<!--<script>", "'\"><b>", "{facts}"),
    *("`${alert(1)}`", "&lt;b&gt;", "\\u003c/script", "javascript:alert(1)", "]]>", "__proto__", "constructor"),
    *("cost $_$ high", "a\x1b[2J", "a\nb", "\u202eabc", "a\u200bb", "x" * 5000, "../../x", "-rf", "| b |", 'a,b"c'),
    *(os.fsdecode(b"\xff\xfe"), "\u2028", " ", "", "con", "~nobody", "=cmd|' /C calc'!A0"),
)


def in_a_fork(work: Callable[[], object], kill: tuple[float, int] | None = None) -> int:
    """The exit status of what a fork does, negative if a signal ended it; 3 if it was refused in a sentence.

    Args:
        work: what the fork does.
        kill: seconds after which it gets a signal, and which.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except EXPECTED:
            status = 3
        except SystemExit as error:
            status = int(error.code or 0)
        except OSError as error:
            status = 3 if error.filename else 1
        finally:
            os._exit(status)
    if kill is not None:
        time.sleep(kill[0])
        os.kill(child, kill[1])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def left_over(folder: Path) -> list[str]:
    """What is unfinished in a folder."""
    return sorted(path.name for path in folder.rglob("*.partial"))


def faults(folder: Path, chance: random.Random) -> Case:
    """Files and folders that are written while a signal, a full disk or another process comes."""
    from cnnref.files import only_writer, whole_folder, write_whole

    final, parts = folder / "final", chance.randrange(1, 40)
    force = chance.random() < 0.5
    if force:
        final.mkdir()
        for number in range(3):
            (final / f"old{number}").write_bytes(bytes(1000))

    def fill(place: Path) -> None:
        for number in range(parts):
            write_whole(place / f"new{number}", bytes(20_000))

    def write() -> None:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        with whole_folder(final, force=force, marker="old0") as place:
            fill(place)
            if slow:
                time.sleep(0.02)

    def complete() -> bool:
        """The folder is that of before, or the new one, and whole."""
        there = sorted(path.name for path in final.iterdir()) if final.is_dir() else []
        return there in (
            [f"old{number}" for number in range(3)] if force else [],
            sorted(f"new{n}" for n in range(parts)),
        )

    slow, number = chance.random() < 0.5, chance.choice((signal.SIGKILL, signal.SIGTERM))
    match chance.randrange(4):
        case 0:  # a kill at any moment, and then the next use

            def killed() -> Any:
                status = in_a_fork(write, (chance.random() * 0.03, number))
                whole = complete() and (number == signal.SIGKILL or status == 0 or not left_over(folder))
                again = in_a_fork(lambda: write() if not (final / "new0").exists() else None)
                return whole, again, left_over(folder) if again == 0 and status != 0 else []

            return killed, lambda found: found == (True, 0, [])
        case 1:  # a disk that is full at any byte

            def full() -> Any:
                def limited() -> None:
                    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
                    write() if folders else write_whole(folder / "file", bytes(30_000))

                size, folders = chance.randrange(0, 40_000), chance.random() < 0.5
                status = in_a_fork(limited)
                there = (folder / "file").exists()
                right = there == (size >= 30_000) if not folders else complete()
                return status in (0, 3), right, left_over(folder)

            return full, lambda found: found == (True, True, [])
        case 2:  # two writers of one folder at once

            def race() -> Any:
                begin, children = time.time() + 0.02, []

                def wait_and_write() -> None:
                    time.sleep(max(0, begin - time.time()))
                    write()

                for _ in range(2):
                    child = os.fork()
                    if child == 0:
                        os._exit(in_a_fork(wait_and_write))
                    children.append(child)
                statuses = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
                return statuses, complete(), left_over(folder)

            # With `force` and one after the other, the second finds a folder that is no longer the old one.
            return race, lambda found: found in (([0, 3], True, []), ([0, 0], True, []) if force else None)
        case _:  # a file that is replaced while a signal comes

            def replaced() -> Any:
                path = folder / "file"
                path.write_bytes(b"old")
                content = bytes(chance.choice((10, 3_000_000)))
                in_a_fork(lambda: write_whole(path, content), (chance.random() * 0.01, signal.SIGKILL))
                with only_writer(path):
                    return path.read_bytes() in (b"old", content)

            return replaced, bool


def damaged_runs(folder: Path, chance: random.Random) -> Case:
    """The folder of a run in which a file is damaged, missing, or something else than a file."""
    from cnnref import tables
    from cnnref.exporters.card.provenance import provenance_of
    from cnnref.exporters.card.seeds import read_seeds, seeds_of
    from cnnref.exporters.card.training import training_lines
    from cnnref.runtimes import find_bundle
    from cnnref.training.comparing import differences, list_runs, summary_of
    from cnnref.training.run import Run

    run = folder / "run"
    shutil.copytree(find_bundle("lenet5-mnist") / "training", run)
    path = run / chance.choice(
        ("results.json", "metrics.csv", "recipe.toml", "timings.csv", "environment.json", "seeds.json")
    )
    content = path.read_bytes()
    match chance.randrange(8):
        case 0:
            path.unlink()
            chance.choice(
                (lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to(path))
            )()
        case 1:
            path.write_bytes(b"[" * 100_000)
        case 2:
            path.unlink()
            path.mkdir()
        case 3 | 4 if path.suffix == ".json":
            document = json.loads(content)
            place: Any = document
            for _ in range(chance.randrange(1, 4)):
                if not isinstance(place, dict | list) or not place:
                    break
                last, key = place, chance.choice(list(place if isinstance(place, dict) else range(len(place))))
                place = place[key]
            last[key] = chance.choice((None, True, [], {}, -1, 1e308, "x", *NAMES))
            path.write_bytes(json.dumps(document).encode("utf-8", "surrogatepass"))
        case _:
            path.write_bytes(changed(content, chance))

    def read() -> Any:
        made, told = Run(run), io.StringIO()
        summary_of(made)
        repr(made), made._repr_html_()
        with contextlib.redirect_stdout(told):
            tables.of_runs(list_runs(folder)).print()
        try:
            made.metrics(), made.timings(), made.results
            differences([run, run])
            facts = provenance_of(made)
            seeds_of(made), read_seeds(run)
            training_lines(folder, facts, "0" * 64)
            (folder / "training").symlink_to(run)
            training_lines(folder, facts, "0" * 64)
        finally:
            if not told.getvalue().replace("\n", "").isprintable():
                raise AssertionError(f"raw text in a table: {told.getvalue()!r}")
        return facts

    return read, lambda found: isinstance(found["test_accuracy"], int | float)


def folders(folder: Path, chance: random.Random) -> Case:
    """A folder of pictures with names, files and links that somebody else made."""
    from PIL import Image

    from cnnref.data.folder import read_folder
    from cnnref.files import check_labels

    root, draw = folder / "pets", np.random.default_rng(chance.randrange(2**32))
    parts = chance.choice(([""], [""], ["train", "test"], ["train", "test", "val"], ["train"]))
    for part in parts:
        for label in ("cat", "dog"):
            (root / part / label).mkdir(parents=True)
            for number in range(6):
                picture = Image.fromarray(draw.integers(0, 256, (9, 8, 3), np.uint8))
                picture.save(root / part / label / f"{number}.{chance.choice(('png', 'bmp', 'jpg'))}")
    place = root / chance.choice(parts)
    for _ in range(chance.choice((1, 1, 2))):
        victim = next(iter(sorted((place / "cat").glob("*"))), place / "cat" / "0.png")
        with contextlib.suppress(OSError, ValueError):  # not every file system takes every name
            match chance.randrange(12):
                case 0 | 1 | 2:
                    (place / "dog").rename(place / chance.choice(NAMES))
                case 3:
                    victim.unlink()
                    os.mkfifo(victim)
                case 4:
                    victim.unlink()
                    victim.symlink_to(chance.choice(("/dev/zero", victim, "/etc/hostname", "/dev/tty", "/", "missing")))
                case 5:
                    victim.write_bytes(changed(victim.read_bytes(), chance))
                case 6:
                    os.truncate(victim, chance.choice((0, 1, 2**40)))
                case 7:
                    (place / "cat" / chance.choice(("deep", "a.png"))).mkdir()
                case 8:
                    (place / "more").symlink_to(chance.choice((place, place / "more", "/proc/self", "/dev")))
                case 9:
                    (place / chance.choice(("a.png", "a.txt", ".hidden", "Thumbs.db"))).write_bytes(b"x")
                case 10:
                    shutil.rmtree(place / "cat")
                case _:
                    shutil.copy(victim, place / "cat" / f"{chance.choice(NAMES)}.png")
    where = chance.choice((root, root, root, root, folder / ("x" * 5000), folder / "a\0b", victim))

    def right(found: Any) -> bool:
        check_labels(found.labels, "it")
        images = np.concatenate([found.train_images[:], found.test_images[:]])
        labels = np.concatenate([found.train_labels, found.test_labels])
        return (
            images.shape[1:] == (8, 8, 3) and images.dtype == np.uint8 and set(labels) == set(range(len(found.labels)))
        )

    return lambda: read_folder(where, (8, 8, 3), cache=folder / "cache", quiet=True), right


class Elements(HTMLParser):
    """The elements of a page with the names of their attributes, in their order, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Any] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, *sorted(name for name, _ in attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_comment(self, data: str) -> None:
        self.found.append(("comment", len(data)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data


def hostile_contents(chance: random.Random) -> Any:
    """What a page is written from, with names that mean harm: labels, layers, a picture, facts, the title."""
    import onnx

    from cnnref.page.write import PageContents, Sample
    from cnnref.runtimes import find_bundle

    model = onnx.load(str(find_bundle("lenet5-mnist") / "model.onnx"))
    names = [name.encode("utf-8", "replace").decode() for name in chance.sample(NAMES, 13)]
    for node in chance.sample(list(model.graph.node), 3):
        node.name = names[10] + node.name
    sample = Sample(np.zeros((28, 28, 1), np.uint8), chance.choice(NAMES).encode("utf-8", "replace").decode())
    content = model.SerializeToString()
    labels, facts = tuple(names[:10]), names[8:11]
    return PageContents(content, names[11], (28, 28, 1), labels, [sample], title=names[12], facts=facts)


def pages(_: Path, chance: random.Random) -> Case:
    """The page of a network whose names mean harm: it has the same elements, and they hold the names as text."""
    from cnnref.page.write import PageContents, page
    from cnnref.runtimes import find_bundle

    content = (find_bundle("lenet5-mnist") / "model.onnx").read_bytes()
    plain = PageContents(content, "plain", (28, 28, 1), tuple("0123456789"), facts=("one", "two", "three"))
    base, hostile = Elements(page(plain)).found, hostile_contents(chance)

    def read() -> Any:
        made = Elements(page(hostile))
        facts = next(json.loads(text) for text in made.scripts if text.lstrip().startswith('{"'))
        return made.found == base, facts["labels"] == list(hostile.labels), facts["name"] == hostile.name

    return read, lambda found: found == (True, True, True)


def kills(folder: Path, chance: random.Random) -> Case:
    """`cnnref train` and `cnnref export` that a signal, a full disk or another of their kind meets at any moment."""
    import cnnref.cli
    import cnnref.exporters.bundle
    import cnnref.training.trainer
    from cnnref.runtimes import verify
    from cnnref.runtimes.integrity import damage

    out = folder / "out"
    tells, listens = os.pipe()  # a file would take part in what a full disk does
    os.set_blocking(tells, False)
    trains = chance.random() < 0.4
    if trains:
        command = ["train", "lenet5-digits", "--out", str(out), "--epochs", "2"]
        again = [*command, "--resume"]
    else:
        command = ["export", "tinyvgg-cifar10", "--out", str(out), "--format", "keras"]
        again = [*command, "--force"]

    def run(arguments: list[str], limit: int | None = None) -> Callable[[], None]:
        def work() -> None:
            for stream in (1, 2):
                os.dup2(listens, stream)
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            sys.argv = ["cnnref", *arguments]
            os.environ.pop("CNNREF_DATA", None)  # where there is a test set, an export looks at all of it
            cnnref.cli.main()

        return work

    def whole() -> bool:
        if not (out / "bundle.json").is_file():
            return not out.exists() or trains
        bundle = cnnref.runtimes.read_bundle(out)
        return not any(damage(bundle, name) for name in bundle.artifacts)

    def told() -> str:
        """What was said, if it is no plain sentence."""
        text = b""
        with contextlib.suppress(BlockingIOError):
            while part := os.read(tells, 1 << 16):
                text += part
        return text.decode("utf-8", "replace") if b"Traceback" in text or b"defect" in text else ""

    def ended() -> bool:
        return (out / "results.json").is_file() if trains else verify(out, isolated=False).ok

    match chance.randrange(4):
        case 0 | 1:
            number = chance.choice((signal.SIGKILL, signal.SIGTERM))

            def read() -> Any:
                status = in_a_fork(run(command), (chance.random() * 2.5, number))
                clean = number == signal.SIGKILL or not [name for name in left_over(folder) if not trains]
                right = whole() and clean
                last = in_a_fork(run(again if out.exists() else command)) if status != 0 else 0
                return right, last, ended(), left_over(folder), told()

            return read, lambda found: found == (True, 0, True, [], "")
        case 2:
            limit = chance.choice((0, 100, 5_000, 50_000))

            def read() -> Any:
                status = in_a_fork(run(command, limit))
                clean = not [name for name in left_over(folder) if not trains]
                return status == 1, whole() and clean, told()

            return read, lambda found: found == (True, True, "")
        case _:

            def read() -> Any:
                children = []
                for _ in range(2):
                    child = os.fork()
                    if child == 0:
                        os._exit(in_a_fork(run(command)))
                    children.append(child)
                statuses = sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)
                return statuses, ended(), told()

            return read, lambda found: found == ([0, 1], True, "")


#: All kinds with the number of inputs of each.
KINDS: dict[str, tuple[Callable[[Path, random.Random], Case], int]] = {
    **hostile_inputs.KINDS,
    "folders": (folders, 150),
    "pages": (pages, 36),
    "damaged_runs": (damaged_runs, 150),
    "faults": (faults, 150),
    "kills": (kills, 5),
}
