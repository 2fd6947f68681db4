#!/bin/sh
# Build the package, hold it to lintian, and try it in a bare Debian; what this machine does not allow is said and passed
# over. For .ci/run.
set -eu
cd "$(dirname "$0")/.."

into=$(mktemp -d)
trap 'rm -rf "$into"' EXIT
trap 'exit 1' HUP INT TERM

if [ "$(id -u)" != 0 ]; then
    echo "Not possible here: building and trying the package needs root."
    exit 0
fi
timeout 600 sh packaging/deb.sh "$into"
most=12000000
size=$(stat -c %s "$into"/*.deb)
[ "$size" -lt $most ] || { echo "The package has $size octets, more than $most."; exit 1; }

command -v lintian >/dev/null ||
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends lintian >/dev/null 2>&1 || true
if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error,warning "$into"/*.deb
    echo "lintian has nothing to say that is not overridden"
else
    echo "Not possible here: lintian could not be installed."
fi

status=0
timeout 900 sh packaging/clean-root.sh "$into"/*.deb || status=$?
case $status in
75) echo "Not possible here: no bare Debian is to be had." ;;
*) exit $status ;;
esac
