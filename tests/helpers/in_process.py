"""The functions that run a bundle's files in a child process, without it: the files of these tests are our own.

`tests/runtimes/test_isolation.py` has the child; a test of anything else need not wait for one.
"""

from __future__ import annotations

from functools import partial

from cnnref import runtimes

verify = partial(runtimes.verify, isolated=False)
predict = partial(runtimes.predict, isolated=False)
benchmark = partial(runtimes.benchmark, isolated=False)
