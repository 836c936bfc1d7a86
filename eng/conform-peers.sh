#!/usr/bin/env bash
# Judges real servers by the conformance suite, one after the other, with compression where they have it:
#
#   eng/conform-peers.sh [ws] [deno] [python] [kestrel] [-- OPTIONS]
#
# All of them where none is named. OPTIONS are those of `sockeye conform`, such as --patience 5 on a busy machine. Without --cases
# the 517 are played that have the known numbers; groups 12 and 13 send 20 messages a case. The reports are
# artifacts/conformance/peers/NAME.json and NAME.html; docs/conformance.md explains what they say. Provide the peers first:
# eng/peers.sh. The exit code is 1 where a peer could not be judged; that cases fail is no error.
set -euo pipefail
cd "$(dirname "$0")/.."

names=()
while (($#)); do
    [[ $1 == -- ]] && { shift; break; }
    names+=("$1")
    shift
done
((${#names[@]})) || names=(ws deno python kestrel)

declare -A servers=(
    [ws]="node ws-server.mjs"
    [deno]="node_modules/deno/deno run --quiet --allow-all --no-lock deno-server.ts"
    [python]="/usr/bin/python3 python_server.py"
    [kestrel]="dotnet $PWD/artifacts/bin/KestrelEcho/release/KestrelEcho.dll")
for name in "${names[@]}"; do
    [[ ${servers[$name]:-} ]] || { echo "usage: $0 [ws] [deno] [python] [kestrel] [-- OPTIONS]" >&2; exit 64; }
done

[[ " $* " == *" --cases"* ]] || set -- --cases '1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*,12.*,13.*' "$@"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build src/Sockeye.Cli -c Release -v quiet
dotnet build eng/KestrelEcho -c Release -v quiet
reports=artifacts/conformance/peers
mkdir -p "$reports"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

start() { # name; sets pid and port. Closing descriptor 7 closes the server's standard input, with which it ends.
    mkfifo "$work/stdin"
    # shellcheck disable=SC2086
    (cd tests/Sockeye.Interop.Tests/peers && exec ${servers[$1]} --port 0) < "$work/stdin" > "$work/server.out" 2>&1 7>&- &
    pid=$!
    exec 7> "$work/stdin"
    rm "$work/stdin"
    until port=$(sed -n 's/^LISTENING //p' "$work/server.out") && [[ $port ]]; do
        kill -0 "$pid" 2> /dev/null || { cat "$work/server.out" >&2; return 1; }
        sleep 0.05
    done
}

result=0
for name in "${names[@]}"; do
    echo "== $name"
    start "$name" || { result=1; continue; }
    code=0
    dotnet artifacts/bin/Sockeye.Cli/release/Sockeye.Cli.dll conform "ws://127.0.0.1:$port/" --short --parallel 2 \
        --json "$reports/$name.json" --html "$reports/$name.html" "$@" || code=$?
    ((code <= 1)) || result=1
    exec 7>&-
    wait "$pid" || true
done
exit $result
