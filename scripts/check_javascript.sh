#!/usr/bin/env bash
# Check the page's JavaScript: ESLint for mistakes, TypeScript's compiler for types (nothing is compiled).
set -euo pipefail
cd "$(dirname "$0")/.."
modules=.venv/web/node_modules
if ! command -v npm >/dev/null; then
    echo "There is no npm, so the page's JavaScript was not checked." >&2
    exit 0
fi
# Only what is missing is installed; npm keeps the other packages there.
if [ ! -x $modules/.bin/eslint ] || [ ! -x $modules/.bin/tsc ] || [ ! -d $modules/@eslint/js ]; then
    npm install --loglevel=error --no-audit --no-fund --ignore-scripts --prefix .venv/web eslint@9.39.5 @eslint/js@9.39.5 typescript@5.9.3
fi
# ESLint looks for the packages of its configuration beside it, so that it reads a copy.
cp cnnref/page/eslint.config.js .venv/web/eslint.config.mjs
$modules/.bin/eslint --config .venv/web/eslint.config.mjs cnnref/page/engine cnnref/page/picture cnnref/page/view cnnref/page/guide cnnref/page/texts
$modules/.bin/tsc --project cnnref/page/tsconfig.json
