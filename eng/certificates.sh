#!/usr/bin/env bash
# Makes the certificates that the TLS tests use: eng/certificates.sh DIR
#
#   ca.pem                          the test authority
#   server.pem .key .pfx            localhost, 127.0.0.1, ::1 (the PFX has an empty password)
#   wrong-host.pem .key             a name that is not this machine's
#   expired.pem .key                the right names, out of date since long
#
# Does nothing when they are there and hold for another week.
set -Eeuo pipefail

directory=${1:?usage: eng/certificates.sh DIR}
command -v openssl > /dev/null || { echo "eng/certificates.sh: openssl is missing (apt-get install openssl)" >&2; exit 1; }

mkdir -p "$directory"
directory=$(cd "$directory" && pwd)

current() {
    local file
    for file in ca.pem server.pem server.key server.pfx wrong-host.pem wrong-host.key expired.pem expired.key; do
        [[ -s $directory/$file ]] || return 1
    done
    openssl x509 -in "$directory/server.pem" -noout -checkend 604800 > /dev/null &&
        openssl verify -CAfile "$directory/ca.pem" "$directory/server.pem" > /dev/null 2>&1
}
exec 9< "$directory"
flock 9 # one at a time, should two test projects ask at once
current && exit

work=$(mktemp -d "$directory/.making.XXXXXX")
trap 'cd /; rm -rf "$work"' EXIT
trap 'cat "$work/log" >&2' ERR
cd "$work"

cat > ca.cnf <<'CONFIG'
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $ENV::NAMES
CONFIG
: > index.txt

new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
openssl req -x509 "${new_key[@]}" -keyout ca.key -out ca.pem -days 3650 -subj "/CN=Sockeye test CA" \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>> log

issue() { # file, names, days from now at which it begins and ends
    openssl req -new "${new_key[@]}" -keyout "$1.key" -out "$1.csr" -subj "/CN=$1" 2>> log
    NAMES=$2 openssl ca -batch -notext -config ca.cnf -extensions server -in "$1.csr" -out "$1.pem" \
        -startdate "$(date -u -d "$3 days" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "$4 days" +%Y%m%d%H%M%SZ)" 2>> log
}
local_names="DNS:localhost,IP:127.0.0.1,IP:::1"
issue server "$local_names" -1 365
issue wrong-host "DNS:elsewhere.example" -1 365
issue expired "$local_names" -60 -30
openssl pkcs12 -export -in server.pem -inkey server.key -out server.pfx -passout pass:

# The authority's key stays behind: nothing else is ever issued. The server's certificate goes last.
rm ./*.csr
mv ca.pem server.key server.pfx wrong-host.* expired.* "$directory"/
mv server.pem "$directory"/
echo "made test certificates in $directory"
