#!/usr/bin/env bash
# Run the tests; make an environment first if it is missing.
#   bash scripts/test.sh              the quick tests: every room, every format, one network of each kind (minutes)
#   bash scripts/test.sh --all        every test, with all that they need: peers, MediaPipe, and a browser
#   bash scripts/test.sh --rest       what --all adds to the quick tests
#   bash scripts/test.sh --share 2/4  the same, but of the exhaustive tests only the second of four equal shares
# Further arguments go to pytest: paths, -k EXPRESSION, -x, --reverse, --random-order --random-order-seed=1.
source "$(dirname "$0")/environment.sh"
which=quick
case "${1:-}" in
    --all | --rest) which="${1#--}"; shift ;;
    --share) which=share share="$2"; shift 2 ;;
esac
prepare_environment test
if [ "$which" != quick ]; then
    prepare_environment peers # the libraries that the architectures are compared with
    prepare_mediapipe
    bash scripts/browser.sh # Chromium and the web runtimes; without them the tests in a browser are skipped
fi
# Two processes; each begins with its half of the tests in order, so that what a module sets up is made once.
in_processes() { .venv/bin/python -m pytest --numprocesses 2 --dist worksteal "$@"; }
case "$which" in
    quick) in_processes -m "not exhaustive and not browser" "$@" ;;
    rest) in_processes -m "exhaustive and not browser" "$@" ;;
    share) in_processes -m "exhaustive and not browser" --share "$share" "$@" ;;
    all) in_processes -m "not browser" "$@" ;;
esac
# The tests in a browser come last, when nothing but browsers takes the machine.
if [ "$which" != quick ]; then in_processes -m browser "$@"; fi
