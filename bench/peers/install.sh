#!/usr/bin/env bash
# Provides what the servers of the comparison need, installing what is missing, and builds them:
#
#   bench/peers/install.sh [npm] [go] [dotnet]
#
#   npm      Bun, Deno, ws and bufferutil, as locked in bench/peers/package-lock.json; Node.js with npm has to be there
#   go       Debian's golang-go and golang-github-gorilla-websocket-dev; as root, it installs them
#   dotnet   the servers on .NET, and `sockeye bench`, which drives them all; the SDK of global.json has to be there
#
# With SOCKEYE_NO_INSTALL=1 it installs nothing. What is missing is named, with the way to get it, and the exit code is 1.
set -euo pipefail
cd "$(dirname "$0")/../.."

may_install() { [[ ${SOCKEYE_NO_INSTALL:-0} != 1 ]]; }

fail() {
    printf 'install: %s\n' "$@" >&2
    exit 1
}

provide_npm() {
    eng/npm-locked.sh bench/peers --check && return
    command -v npm > /dev/null && command -v node > /dev/null ||
        fail "Node.js 20 or newer with npm is missing, for bun, deno and ws; install it, or leave them out (--only)"
    may_install || fail "the npm packages of bench/peers are missing, for bun, deno and ws; run eng/npm-locked.sh bench/peers"
    echo "install: npm packages bun, deno, ws, bufferutil" >&2
    eng/npm-locked.sh bench/peers >&2 ||
        fail "npm could not install bun, deno, ws and bufferutil; reach the npm registry, or leave them out (--only)"
}

gorilla=/usr/share/gocode/src/github.com/gorilla/websocket
go_is_there() { command -v go > /dev/null && [[ -d $gorilla ]]; }

provide_go() {
    if ! go_is_there && may_install && [[ $(id -u) == 0 ]] && command -v apt-get > /dev/null; then
        echo "install: Debian packages golang-go golang-github-gorilla-websocket-dev" >&2
        local apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
        "${apt[@]}" update >&2 || true # without a network old lists may do
        DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends \
            golang-go golang-github-gorilla-websocket-dev >&2 || true
    fi
    go_is_there || fail "Go and gorilla/websocket are missing; leave gorilla out (--only), or as root on Debian:" \
        "  apt-get install --no-install-recommends golang-go golang-github-gorilla-websocket-dev"
    mkdir -p artifacts/bench
    GO111MODULE=off GOPATH=${gorilla%/src/*} go build -o artifacts/bench/gorilla ./bench/peers/gorilla >&2 ||
        fail "the server on gorilla/websocket does not build"
}

provide_dotnet() {
    command -v dotnet > /dev/null || fail "the .NET SDK is missing: install the one that global.json names"
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
    local project
    for project in src/Sockeye.Cli bench/peers/aspnet bench/peers/sockeye bench/peers/sockeye-aspnet; do
        dotnet build "$project" -c Release -v quiet >&2 || fail "$project does not build"
    done
}

for what; do
    case $what in
        npm | go | dotnet) "provide_$what" ;;
        *) fail "usage: bench/peers/install.sh [npm] [go] [dotnet]" ;;
    esac
done
