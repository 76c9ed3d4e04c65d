# Sourced by the other scripts: makes .venv if it is missing, and installs the package with the tested versions.
# Usage: prepare_environment EXTRA     (empty for none)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "cnnref needs Python 3.11 or newer; install it and run this again." >&2
    exit 1
}

prepare_environment() {
    local extra="$1" stamp wanted
    stamp=".venv/installed${extra:+-$extra}"
    wanted="$(cat pyproject.toml constraints.txt | cksum)"
    if [ ! -x .venv/bin/python ]; then
        "$(find_python)" -m venv .venv
    fi
    # The stamp is written last: an installation that was cut short is done again.
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "Installing cnnref${extra:+[$extra]} into .venv (a few minutes on a slow line)"
        .venv/bin/python -m pip install --quiet --disable-pip-version-check \
            --constraint constraints.txt --editable ".${extra:+[$extra]}"
        echo "$wanted" >"$stamp"
    fi
}

# MediaPipe in an environment of its own: its packages are not those of constraints.txt.
prepare_mediapipe() {
    if ! .venv-mediapipe/bin/python -c "import mediapipe" 2>/dev/null; then
        "$(find_python)" -m venv .venv-mediapipe
        .venv-mediapipe/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==1.2.2
    fi
    export CNNREF_MEDIAPIPE_PYTHON="$PWD/.venv-mediapipe/bin/python"
}
