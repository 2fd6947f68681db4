#!/bin/sh
# deb.sh DIRECTORY: build the Debian package of what is committed, in a directory of its own, and put it into DIRECTORY.
# Wants dpkg-dev, debhelper and python3-venv; as root they are installed. The package is for this machine's Debian: it
# is built against its python3.
set -eu

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

into=$1
needs="dpkg-dev debhelper fakeroot python3-dev python3-venv python3-pip python3-argparse-manpage"
missing=
for package in $needs; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || fail "Building the package needs more. As root: apt install$missing"
    echo "Installing$missing"
    # shellcheck disable=SC2086 # a list of words
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing; } \
        >/dev/null </dev/null || fail "They could not be installed."
fi

[ -z "$(git status --porcelain)" ] || echo "There are changes that are not committed; they are not in the package."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$work/shieldrelay"
git archive --format=tar HEAD | tar -x -C "$work/shieldrelay"
begun=$(date +%s)
log=$work/log
(cd "$work/shieldrelay" && PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg-buildpackage -us -uc -b) >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    fail "The package could not be built."
}
mkdir -p "$into"
cp "$work"/*.deb "$into"
for made in "$work"/*.deb; do
    echo "$into/$(basename "$made"): $(stat -c %s "$made" | awk '{printf "%.1f MB", $1 / 1e6}'), in $(($(date +%s) - begun)) s"
done
