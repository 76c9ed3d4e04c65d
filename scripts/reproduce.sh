#!/usr/bin/env bash
# Make the shipped bundles again, all or those that are named, and the table and the figure of results:
#   CNNREF_DATA=DATA bash scripts/reproduce.sh [--dry-run] [NAME...]
# Trains each recipe with as many seeds as its bundle has, into runs/NAME or runs/NAME-sweep (what was interrupted goes
# on, what is finished stays), exports the run of the same seed, runs every file on the test set, writes the page
# that explains the network and draws what each file costs where these are shipped. --dry-run prints the commands. The name of a recipe without a bundle makes one.
dry=""
names=()
while [ $# -gt 0 ]; do
    case "$1" in
        --dry-run) dry=1 ;;
        --data-dir) CNNREF_DATA="${2:?--data-dir needs a folder}"; shift ;;
        -*) echo "usage: bash scripts/reproduce.sh [--data-dir DATA] [--dry-run] [NAME...]" >&2; exit 2 ;;
        *) names+=("$1") ;;
    esac
    shift
done
if [ -z "$dry" ] && [ ! -d "${CNNREF_DATA:-}" ]; then
    echo "Name the folder with the published files of the data sets: CNNREF_DATA, or --data-dir DATA." >&2
    exit 2
fi
[ -d "${CNNREF_DATA:-}" ] && export CNNREF_DATA="$(cd "$CNNREF_DATA" && pwd)"
source "$(dirname "$0")/environment.sh"
[ -n "$dry" ] || prepare_environment ""

do_it() {
    if [ -n "$dry" ]; then echo "$*"; else "$@"; fi
}

# What the bundle in a folder was made by: its seed, how many it speaks of, how many from the recipe's first to the last,
# the options that made it smaller, and the number of threads if it was limited, since other threads add up in another
# order.
made_by() {
    "$(find_python)" - "$1" "cnnref/recipes/$(basename "$1").toml" <<'PYTHON'
import json, pathlib, sys, tomllib

training, recipe = pathlib.Path(sys.argv[1], "training"), pathlib.Path(sys.argv[2])
first = tomllib.loads(recipe.read_text(encoding="utf-8")).get("seed", 0)
run = training / "results.json"
seed = json.loads(run.read_bytes())["seed"] if run.is_file() else first
several = training / "seeds.json"
seeds = [run["seed"] for run in json.loads(several.read_bytes())["runs"]] if several.is_file() else [seed]
machine = training / "environment.json"
settings = json.loads(machine.read_bytes())["settings"] if machine.is_file() else {}
threads = [f"{key}={value}" for key, value in settings.items() if key.endswith("_THREADS") and value]
manifest = pathlib.Path(sys.argv[1], "bundle.json")
bundle = json.loads(manifest.read_bytes()) if manifest.is_file() else {}
options = ["--half"] * ("rounded" in bundle.get("provenance", {}))
options += ["--format keras"] * (list(bundle.get("artifacts", {})) == ["model.keras"])
print(seed, len(seeds), max(seeds) - first + 1, *threads, "|", *options)
PYTHON
}

if [ ${#names[@]} -eq 0 ]; then
    for manifest in saved_models/*/bundle.json; do names+=("$(basename "$(dirname "$manifest")")"); done
fi
for name in "${names[@]}"; do
    if [ ! -f "cnnref/recipes/$name.toml" ]; then
        echo "There is no recipe $name; name one of: $(basename -s .toml -a cnnref/recipes/*.toml | tr '\n' ' ')" >&2
        exit 2
    fi
done
for name in "${names[@]}"; do
    bundle="saved_models/$name"
    made="$(made_by "$bundle")"
    read -r seed runs count threads <<<"${made%%|*}"
    options="${made##*|}"
    if [ "$runs" -gt 1 ]; then
        run="runs/$name-sweep/seed=$seed"
        do_it ${threads:+env $threads} .venv/bin/cnnref sweep "$name" --seeds "$count" --out "runs/$name-sweep"
    else
        run="runs/$name"
        resume="$([ ! -e "$run/recipe.toml" ] || echo --resume)"
        do_it ${threads:+env $threads} .venv/bin/cnnref train "$name" --seed "$seed" --out "$run" $resume
    fi
    do_it .venv/bin/cnnref export "$run" --out "$bundle" --data-dir "${CNNREF_DATA:-DATA}" $options --force
    do_it .venv/bin/cnnref verify "$bundle"
    if [ -e "$bundle.html" ]; then
        do_it .venv/bin/cnnref explain "$bundle" --out "$bundle.html" --force
    fi
    if [ -e "$bundle.png" ]; then
        do_it .venv/bin/cnnref bench "$bundle" --plot "$bundle.png" --force
    fi
done
do_it .venv/bin/python scripts/results.py --write README.md --figure saved_models/results.png \
    --anchors scripts/benchmarks/anchors.json
