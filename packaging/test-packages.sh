#!/bin/sh
# Install the Debian packages that tests and bench use: foreign peers and ways to break things. As root they are
# installed, and no daemon is started; otherwise they are named. Either way the run goes on: what is still absent then
# is shown in the runner's table, and the tests that need it are counted as not possible here.
set -u

wanted="systemd redis-server redis-sentinel postfix swaks e2fsprogs strace iproute2 nftables openssl slapd ldap-utils nsd unbound prometheus openssh-client rspamd clamav-daemon opendkim python3-milter"

command -v dpkg-query >/dev/null || exit 0
missing=
for package in $wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    echo "Some tests need Debian packages that are not here. As root: apt install$missing"
    exit 0
fi

# A policy that forbids every start, in force only while apt runs, and only where there is none yet.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi

log=$(mktemp)
echo "Installing$missing"
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections 2>/dev/null
export DEBIAN_FRONTEND=noninteractive
{
    apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    apt-get -qq install --yes --no-install-recommends $missing </dev/null
} >"$log" 2>&1 || {
    tail -n 20 "$log"
    echo "Not all could be installed; the run goes on without."
}
rm -f "$log"
exit 0
