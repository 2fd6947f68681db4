#!/bin/sh
# venv.sh PYTHON DIRECTORY LOCK...: make the virtual environment if it is not there, and install into it exactly what
# the lock files name, each file checked by its hash. Run again after an interruption it goes on.
# pyspf is published as source only: it is built with the setuptools and wheel of the lock, which come first.
set -eu

python=$1 directory=$2
shift 2

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "There is no '$python'. On Debian: apt install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old: 3.11 or newer is needed (make PYTHON=/path/to/python3.11 ...)"

if ! "$directory/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "This Python cannot make virtual environments. On Debian: apt install python3-venv"
    rm -rf "$directory"
    "$python" -m venv "$directory" || fail "The virtual environment in $directory could not be made; see above."
fi

install() {
    "$directory/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
        --only-binary=:all: --no-binary=pyspf --no-build-isolation --require-hashes --requirement "$1" ||
        fail "The packages of $2 could not be installed; see above. Is the package index reachable?"
}

tools=$(mktemp)
trap 'rm -f "$tools"' EXIT
for lock in "$@"; do
    echo "Installing what $lock names into $directory"
    awk '/^[^ ]/ { wanted = /^(setuptools|wheel)==/ } wanted' "$lock" >"$tools"
    if [ -s "$tools" ]; then install "$tools" "$lock"; fi
    install "$lock" "$lock"
done
