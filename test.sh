#!/usr/bin/env bash
# Builds everything and runs the tests. Installs the real peers that the tests talk to, where they are missing and it may
# (eng/peers.sh says what it did).
#
#   ./test.sh             what every change must pass
#   ./test.sh --full      that, and what takes longer: debug builds (which poison memory that is given back), processors without
#                         wide vectors, the engine's tests ten times over, our client and real servers through the whole
#                         conformance suite, and the tests that race (Category=Repeated) ten thousand times and more
#   ./test.sh --figures   the timed figures alone, best of five
#   ./test.sh --coverage  the branches of Sockeye.Protocol that its tests reach, over runs with and without vector instructions
#
# Ends with a line "N passed, N failed"; the exit code is 0 when nothing failed.
set -uo pipefail
cd "$(dirname "$0")"

mode=${1:-}
case $mode in
    "" | --full | --figures | --coverage) ;;
    *) echo "usage: ./test.sh [--full | --figures | --coverage]" >&2; exit 64 ;;
esac

passed=0
failed=0
whole=()
finish() {
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# Coverage is found by the paths of the sources, which a build for CI has mapped away.
[[ $mode == --coverage ]] && whole=(--no-incremental -p:ContinuousIntegrationBuild=false)
if ! dotnet build Sockeye.slnx -c Release -v minimal -p:TreatWarningsAsErrors=true "${whole[@]}"; then
    echo "The build failed, or it warns."
    failed=1
    finish
fi

if [[ $mode == --coverage ]]; then
    reports=artifacts/coverage
    rm -rf "$reports"
    configure=DataCollectionRunSettings.DataCollectors.DataCollector.Configuration
    for without in "" EnableAVX512F EnableAVX2 EnableHWIntrinsic; do
        echo "== ${without:+Without }${without:-As it is}"
        env ${without:+DOTNET_$without=0} dotnet test tests/Sockeye.Protocol.Tests -c Release --no-build -v quiet \
            --collect "XPlat Code Coverage" --results-directory "$reports" \
            -- $configure.Format=json "$configure.Include=[Sockeye.Protocol]*" || failed=$((failed + 1))
        passed=$((passed + 1))
    done
    passed=$((passed - failed))
    if python3 eng/coverage.py "$reports"/*/coverage.json; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    finish
fi

if ! eng/peers.sh; then
    failed=1
    finish
fi

# Each test project is a program of its own; its summary is the last line that it prints.
run() { # project, arguments
    local log=artifacts/$1.log
    echo "== $1 ${configuration:-}"
    dotnet "artifacts/bin/$1/${configuration:-release}/$1.dll" -noColor "${@:2}" > "$log" 2>&1
    local code=$?
    grep -vE '^(xUnit.net|  (Discover|Start|Finish))' "$log"
    local total bad skipped
    read -r total bad skipped < <(sed -nE \
        's/.*Total: ([0-9]+), Errors: ([0-9]+), Failed: ([0-9]+), Skipped: ([0-9]+).*/\1 \2+\3 \4/p' "$log" | tail -n 1)
    if [[ -z ${total:-} ]]; then
        echo "$1 ended with code $code before it had run its tests"
        failed=$((failed + 1))
        return
    fi
    bad=$((bad))
    ((bad == 0 && code != 0)) && bad=1
    failed=$((failed + bad))
    passed=$((passed + total - bad - skipped))
}

if [[ $mode == --figures ]]; then
    run Sockeye.Tests -trait Category=Figures
    run Sockeye.AspNetCore.Tests -trait Category=Figures
    finish
fi

for project in Sockeye.Protocol.Tests Sockeye.Tests Sockeye.AspNetCore.Tests Sockeye.Conformance.Tests Sockeye.Interop.Tests; do
    run "$project" -trait- Category=Figures -trait- Category=Full
done

echo "== Once more, where servers and clients are concerned, with sockets that the runtime waits for"
export SOCKEYE_EVENT_LOOP=0
run Sockeye.Tests -trait- Category=Figures -trait- Category=Full \
    -namespace Sockeye.Tests.Server -namespace Sockeye.Tests.Client -namespace Sockeye.Tests.Attacks
run Sockeye.Conformance.Tests -trait- Category=Figures -trait- Category=Full -class '*.ServerTests' -class '*.ClientHostTests'
run Sockeye.Interop.Tests -trait- Category=Figures -trait- Category=Full -class '*.PeerTests' -class '*.DeflateTests' \
    -class '*.ProxyTests' -class '*.ReverseProxyTests' -class '*.ProtocolVersionTests' -class '*.SystemNetTests' -class '*.ClientCertificateTests'
unset SOCKEYE_EVENT_LOOP
[[ $mode == --full ]] || finish

echo "== What is only run here"
run Sockeye.Tests -trait Category=Full
run Sockeye.AspNetCore.Tests -trait Category=Full
run Sockeye.Conformance.Tests -trait Category=Full
run Sockeye.Interop.Tests -trait Category=Full

echo "== Debug builds"
if dotnet build Sockeye.slnx -c Debug -v quiet; then
    configuration=debug run Sockeye.Protocol.Tests -trait- Category=Figures
    configuration=debug run Sockeye.Tests -trait- Category=Figures
    configuration=debug run Sockeye.AspNetCore.Tests -trait- Category=Figures -trait- Category=Full
else
    failed=$((failed + 1))
fi
for without in EnableAVX512F EnableAVX2 EnableHWIntrinsic; do
    echo "== Without $without"
    export "DOTNET_$without=0"
    run Sockeye.Protocol.Tests
    unset "DOTNET_$without"
done
for _ in {1..9}; do
    run Sockeye.Tests -trait- Category=Figures
done
echo "== Races, many times"
SOCKEYE_FULL=1 run Sockeye.Tests -trait Category=Repeated
finish
