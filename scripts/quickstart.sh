#!/usr/bin/env bash
# Make an environment, install the package, and walk the whole road once: train, export, prove, predict.
source "$(dirname "$0")/environment.sh"
prepare_environment ""
exec .venv/bin/cnnref quickstart "$@"
