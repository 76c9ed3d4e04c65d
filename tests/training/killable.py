"""A process that has imported Keras and trains in forks of itself, which it kills.

Importing costs seconds, a fork none.

Reads a line of JSON for each run from standard input: "recipe" and "out", and "after": seconds from the first steps to
SIGKILL; or "write": the checkpoint in whose writing it comes. Answers each with the exit status of the fork.
"""

import json
import os
import signal
import sys
import threading
import time

import cnnref
from cnnref import files
from cnnref.training import trainer  # noqa: F401 (the import that costs)
from cnnref.training.callbacks import MetricsLog


def kill_after(seconds: float) -> None:
    """SIGKILL, `seconds` after the first steps are done."""
    started = threading.Event()

    def wait_and_die() -> None:
        started.wait()
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    def told(*_: object) -> None:
        started.set()

    MetricsLog.after_steps = told
    threading.Thread(target=wait_and_die, daemon=True).start()


def kill_in_write(number: int) -> None:
    """SIGKILL when the checkpoint of this number lies on the disk by half, not yet under its name."""
    replace, seen = os.replace, []

    def die(source: str, target: object) -> None:
        if "step-" in str(target):
            seen.append(target)
            if len(seen) == number:
                os.truncate(source, os.path.getsize(source) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    files.os.replace = die


def main() -> None:
    for line in sys.stdin:
        task = json.loads(line)
        child = os.fork()
        if child == 0:
            if "after" in task:
                kill_after(task["after"])
            if "write" in task:
                kill_in_write(task["write"])
            resume = os.path.exists(os.path.join(task["out"], "recipe.toml"))
            try:
                cnnref.train(task["recipe"], out=task["out"], resume=resume, quiet=True, checkpoint_seconds=0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


main()
