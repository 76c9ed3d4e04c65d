#!/usr/bin/env bash
# Make a shipped bundle again: bash scripts/reproduce.sh lenet5-mnist --data-dir DATA
# Trains by the recipe into runs/NAME (an interrupted run goes on), exports it, runs every file on the test set, and
# draws what each costs.
usage="usage: bash scripts/reproduce.sh NAME [--data-dir DATA]"
name="${1:?$usage}"
data=""
case "${2:-}" in
    --data-dir) data="$(cd "${3:?$usage}" && pwd)" ;;
    "") data="${CNNREF_DATA:-}" ;;
    *) echo "$usage" >&2; exit 2 ;;
esac
source "$(dirname "$0")/environment.sh"
prepare_environment ""
if [ -z "$data" ]; then
    echo "Name the folder with the published files of the data set: --data-dir DATA, or CNNREF_DATA." >&2
    exit 2
fi
resume=""
[ -e "runs/$name/recipe.toml" ] && resume="--resume"
.venv/bin/cnnref train "$name" --data-dir "$data" --out "runs/$name" $resume
.venv/bin/cnnref export "runs/$name" --out "saved_models/$name" --data-dir "$data" --force
.venv/bin/cnnref verify "saved_models/$name"
.venv/bin/cnnref bench "saved_models/$name" --plot "saved_models/$name.png" --force
