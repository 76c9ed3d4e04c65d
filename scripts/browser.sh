#!/usr/bin/env bash
# What the tests in a browser need: Chromium, Firefox, Playwright, and from npm the web runtimes and axe-core. Leaves out what it cannot get.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
prepare_environment browser
if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
        echo "Chromium could not be installed; the tests in a browser will be skipped." >&2
fi
if ! command -v firefox-esr >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends firefox-esr >/dev/null ||
        echo "Firefox could not be installed; the tests in it will be skipped." >&2
fi
if [ ! -d .venv/web/node_modules/axe-core ] && command -v npm >/dev/null; then
    npm install --loglevel=error --no-audit --no-fund --ignore-scripts --prefix .venv/web onnxruntime-web@1.30.0 @litertjs/core@2.5.3 axe-core@4.14.1 ||
        echo "The packages from npm could not be installed; the tests in a browser will be skipped." >&2
fi
