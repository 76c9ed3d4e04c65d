#!/usr/bin/env bash
# Make an environment if it is missing, install the test extra, and run the tests. Arguments go to pytest.
source "$(dirname "$0")/environment.sh"
prepare_environment test
exec .venv/bin/python -m pytest "$@"
