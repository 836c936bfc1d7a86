#!/usr/bin/env bash
# Measures Sockeye beside other WebSocket servers, and writes bench/results/DATE.md and DATE.json: bench/README.md explains it.
#
#   bench/peers/run.sh --scale [...]           how servers scale, instead
#   bench/peers/run.sh --clients [...]         Sockeye's client beside the framework's, instead
#   bench/peers/run.sh [--rounds 5] [--seconds 3] [--only sockeye,bun,...] [--scenarios abchAC]      --help lists the rest
#
# The servers run on one core and what drives them on another: the machine needs two, with nothing else to do. Servers that are
# missing are installed (bench/peers/install.sh); where one cannot be had, it says so and ends, unless --only leaves it out.
set -euo pipefail

for tool in python3 taskset; do
    command -v "$tool" > /dev/null || { echo "run: $tool is missing; Debian: apt-get install python3 util-linux" >&2; exit 1; }
done
program=run.py
case ${1:-} in
    --scale) program=scale.py; shift ;;
    --clients) program=clients.py; shift ;;
esac
exec python3 -B "$(dirname "$0")/$program" "$@"
