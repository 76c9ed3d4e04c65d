#!/usr/bin/env bash
# Make an environment, install the package, and run every step once: train, export, verify, predict.
source "$(dirname "$0")/environment.sh"
prepare_environment ""
exec .venv/bin/cnnref quickstart "$@"
