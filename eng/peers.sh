#!/usr/bin/env bash
# Provides the real peers that the interop tests talk to, installing what is missing:
#
#   Debian   python3-websockets, chromium, libnss3-tools (certutil: how Chromium learns the test authority), openssl, the proxies nginx,
#            haproxy, tinyproxy, squid and microsocks, and Node.js with npm where none is there and the distribution's is recent enough
#   npm      ws, deno, playwright-core, as locked in tests/Sockeye.Interop.Tests/peers/package-lock.json
#
# Says what it installs. Debian packages need root; with SOCKEYE_NO_INSTALL=1 it installs nothing. Whatever is still
# missing at the end is named, with the way to get it, and the exit code is 1.
set -euo pipefail

eng=$(cd "$(dirname "$0")" && pwd)
npm_locked=$eng/npm-locked.sh
peers=$(cd "$eng/../tests/Sockeye.Interop.Tests/peers" && pwd)
node_at_least=20 # playwright-core asks for it
missing=()

log=$(mktemp)
trap 'rm -f "$log"' EXIT
exec 9< "$peers"
flock 9 # two runs at once would install over each other

may_install() { [[ ${SOCKEYE_NO_INSTALL:-0} != 1 ]]; }

node_is_there() {
    command -v npm > /dev/null && command -v node > /dev/null &&
        node -e "process.exit(parseInt(process.versions.node) >= $node_at_least ? 0 : 1)"
}

# --- Debian packages ------------------------------------------------------------------------------------------------

absent_packages() {
    command -v node > /dev/null || debian_node
    /usr/bin/python3 -c 'import websockets' 2> /dev/null || echo python3-websockets
    [[ -x /usr/bin/chromium ]] || echo chromium
    command -v certutil > /dev/null || echo libnss3-tools
    command -v openssl > /dev/null || echo openssl
    command -v tinyproxy > /dev/null || echo tinyproxy
    [[ -x /usr/sbin/squid ]] || echo squid
    command -v microsocks > /dev/null || echo microsocks
    [[ -x /usr/sbin/nginx ]] || echo nginx
    [[ -x /usr/sbin/haproxy ]] || echo haproxy
}

# Debian starts a server as soon as it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
start_nothing() {
    [[ -e $policy ]] && return
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod +x "$policy"
    trap 'rm -f "$log" "$policy"' EXIT
}

debian_node() {
    local major
    major=$(apt-cache policy nodejs 2> /dev/null | sed -n 's/^ *Candidate: *\([0-9]*\).*/\1/p')
    if ((${major:-0} >= node_at_least)); then printf '%s\n' nodejs npm; fi
}

mapfile -t absent < <(absent_packages)
if { ((${#absent[@]})) || ! command -v node > /dev/null; } && may_install && [[ $(id -u) == 0 ]] && command -v apt-get > /dev/null; then
    apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    "${apt[@]}" update > "$log" 2>&1 || tail -n 3 "$log" >&2 # a fresh machine has no lists; without a network old ones may do
    mapfile -t absent < <(absent_packages)
    if ((${#absent[@]})); then
        echo "peers: installing Debian packages ${absent[*]}"
        start_nothing
        DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${absent[@]}" > "$log" 2>&1 ||
            tail -n 5 "$log" >&2
        mapfile -t absent < <(absent_packages)
    fi
fi
if ((${#absent[@]})); then
    missing+=("Debian packages; as root: apt-get install --no-install-recommends ${absent[*]}")
fi
if ! node_is_there; then
    missing+=("Node.js $node_at_least or newer with npm (this machine has: $(node --version 2> /dev/null || echo none))")
fi

# --- npm packages ---------------------------------------------------------------------------------------------------

npm_packages_are_there() { "$npm_locked" "$peers" --check; }

if ! npm_packages_are_there && may_install && node_is_there; then
    echo "peers: installing npm packages ws, deno, playwright-core"
    "$npm_locked" "$peers" > "$log" 2>&1 || tail -n 5 "$log" >&2
fi
if ! npm_packages_are_there; then
    missing+=("npm packages (ws, deno, playwright-core); run eng/peers.sh where it may install and reach the npm registry")
fi

# --------------------------------------------------------------------------------------------------------------------

if ((${#missing[@]})); then
    echo "peers: not all are there" >&2
    printf 'peers: missing: %s\n' "${missing[@]}" >&2
    exit 1
fi

npm_version() { node -p "require('$peers/node_modules/$1/package.json').version"; }
python_version=$(/usr/bin/python3 -c 'import websockets.version as v; print(v.version)')
echo "peers: ready: Node.js $(node --version), ws $(npm_version ws), Deno $(npm_version deno)," \
    "Python websockets $python_version, $(/usr/bin/chromium --version 2> /dev/null | grep -oE 'Chromium [0-9.]+')," \
    "nginx $(/usr/sbin/nginx -v 2>&1 | grep -oE '[0-9][0-9.]*' | head -n 1)," \
    "haproxy $(/usr/sbin/haproxy -v | grep -oE '[0-9][0-9.]*' | head -n 1)"
