#!/usr/bin/env bash
# Installs the npm packages of a folder exactly as its package-lock.json has them; does nothing where they are there:
#
#   eng/npm-locked.sh FOLDER [--check]      --check installs nothing and tells by its exit code whether they are there
#
# No install scripts run, but Deno's and Bun's: each does no more than put the program, which came as a package, in its place.
set -euo pipefail
cd "$1"

# The copy of the lock file that a complete installation leaves behind tells what is installed.
stamp=node_modules/.installed-from.json
if cmp -s package-lock.json "$stamp"; then exit 0; fi
if [[ ${2:-} == --check ]]; then exit 1; fi

npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
if [[ -d node_modules/deno ]]; then
    node node_modules/deno/bin.cjs --version
    [[ -x node_modules/deno/deno ]]
fi
if [[ -d node_modules/bun ]]; then
    node node_modules/bun/install.js
    node_modules/bun/bin/bun.exe --version # so it is called on every system
fi
cp package-lock.json "$stamp"
