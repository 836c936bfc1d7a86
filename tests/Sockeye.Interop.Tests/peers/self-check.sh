#!/usr/bin/env bash
# Runs every client peer against every server peer, without Sockeye: plain, TLS, and TLS that must be refused.
# One line a pair; exit code 0 when all of them did what they should. Provide the peers first: eng/peers.sh
set -euo pipefail

cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
../../../eng/certificates.sh "$work" > /dev/null

deno="node_modules/deno/deno run --quiet --allow-all --no-lock"
declare -A servers=([ws]="node ws-server.mjs" [deno]="$deno deno-server.ts" [python]="/usr/bin/python3 python_server.py")
declare -A clients=([ws]="node ws-client.mjs" [deno]="$deno deno-client.ts" [python]="/usr/bin/python3 python_client.py"
    [browser]="node browser-client.mjs")
failures=0

verdict() { # passed or not (0 or 1), what, the file with details
    if [[ $1 == 0 ]]; then
        echo "ok    $2"
    else
        echo "FAIL  $2"
        sed 's/^/      /' "$3"
        failures=$((failures + 1))
    fi
}

start() { # server, arguments; sets pid and port. Closing descriptor 7 closes the server's standard input.
    mkfifo "$work/stdin"
    # shellcheck disable=SC2086
    ${servers[$1]} "${@:2}" < "$work/stdin" > "$work/server.out" 2>&1 7>&- &
    pid=$!
    exec 7> "$work/stdin"
    rm "$work/stdin"
    until port=$(sed -n 's/^LISTENING //p' "$work/server.out") && [[ $port ]]; do
        kill -0 "$pid" 2> /dev/null || { cat "$work/server.out"; exit 1; }
        sleep 0.05
    done
}

# The server's own account must agree: three connections closed cleanly, with these codes and no error.
server_agrees() {
    [[ $(grep -c '"event":"close".*"clean":true' "$work/server.out") == 3 ]] &&
        [[ $(grep -oP '"event":"close".*"code":\K\d+' "$work/server.out" | xargs) == "4001 4002 1000" ]] &&
        ! grep -q '"event":"error"' "$work/server.out"
}

for server in ws deno python; do
    for client in ws deno python browser; do
        for scheme in ws wss; do
            tls=()
            trust=()
            [[ $scheme == wss ]] && tls=(--cert "$work/server.pem" --key "$work/server.key") && trust=(--ca "$work/ca.pem")
            start "$server" --port 0 "${tls[@]}"
            # shellcheck disable=SC2086
            if ${clients[$client]} "$scheme://localhost:$port/" "${trust[@]}" > "$work/client.out" 2>&1 && server_agrees; then
                code=0
            else
                code=1
                cat "$work/server.out" >> "$work/client.out"
            fi
            verdict $code "$client client, $server server, $scheme" "$work/client.out"

            code=0
            if [[ $scheme == ws ]]; then kill -TERM "$pid"; else exec 7>&-; fi
            wait "$pid" || code=$?
            exec 7>&-
            [[ $code == 0 ]] || verdict 1 "$server server exits with $code instead of 0" "$work/server.out"
        done
    done
done

declare -A what=([wrong-host]="another host" [expired]="expired" [server]="unknown authority")
for client in ws deno python browser; do
    for certificate in wrong-host expired server; do
        trust=(--ca "$work/ca.pem")
        [[ $certificate == server ]] && trust=() # good, but of an authority that nobody told the client of
        start ws --port 0 --cert "$work/$certificate.pem" --key "$work/$certificate.key"
        code=0
        # shellcheck disable=SC2086
        ${clients[$client]} "wss://localhost:$port/" "${trust[@]}" > "$work/client.out" 2>&1 || code=$?
        [[ $code == 1 ]] && ! grep -q '"event":"open"' "$work/server.out" && code=0 || code=1
        verdict $code "$client client refuses a certificate: ${what[$certificate]}" "$work/client.out"
        exec 7>&-
        wait "$pid"
    done
done

echo
if ((failures)); then echo "$failures failed"; exit 1; else echo "all peers agree"; fi
