#!/bin/sh
# clean-root.sh PACKAGE [SUITE]: install a package into a bare Debian, in a network of its own, and play debian/tests there.
# Wants root and mmdebstrap, which is installed; leaves nothing behind. SUITE is bookworm unless named. Exit status 75:
# nothing is wrong with the package, but no bare Debian is to be had here.
set -eu

EX_TEMPFAIL=75

package=$(realpath "$1") suite=${2:-bookworm}
here=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "This needs root." >&2; exit $EX_TEMPFAIL; }
if ! command -v mmdebstrap >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends mmdebstrap >/dev/null 2>&1 ||
        { echo "There is no mmdebstrap, and it could not be installed." >&2; exit $EX_TEMPFAIL; }
fi
root=$(mktemp -d)
cleanup() {
    umount -l "$root/proc" "$root/dev/shm" 2>/dev/null || true
    rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

echo "== a bare $suite"
mmdebstrap --quiet --variant=minbase --include=iproute2 "$suite" "$root" || exit $EX_TEMPFAIL
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$package" "$root/root/package.deb"
mkdir "$root/root/tests"
cp "$here"/debian/tests/* "$here/packaging/upgrade.py" "$root/root/tests/"

echo "== the package, with what it needs"
inside apt-get -qq update || exit $EX_TEMPFAIL
inside sh -c 'apt-get -qq install --yes --no-install-recommends /root/package.deb >/root/log 2>&1 || { cat /root/log; exit 1; }'
inside sh -c 'echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections'
wanted=$(sed -n 's/^Depends: @, //p' "$here/debian/tests/control" | tr -d ,)
# shellcheck disable=SC2086 # a list of words
inside apt-get -qq install --yes --no-install-recommends $wanted >/dev/null 2>&1
inside sh -c 'test -e /etc/postfix/main.cf || { cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf; }'

echo "== debian/tests/relay"
cat >"$root/root/play" <<'PLAY'
ip link set lo up
ip address add 192.0.2.25/32 dev lo
hostname node1.shield.example
echo "192.0.2.25 node1.shield.example" >>/etc/hosts
sh /root/tests/relay || exit
echo "== an upgrade under load"
postfix start >/dev/null 2>&1
status=0
/usr/lib/shieldrelay/bin/python3 /root/tests/upgrade.py /root/package.deb || status=$?
postfix stop >/dev/null 2>&1
exit $status
PLAY
unshare --net --uts -- chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 sh /root/play

echo "== purge"
rm -f "$root"/etc/shieldrelay/domains.d/relayed.example.toml "$root"/etc/shieldrelay/relayed.example.recipients
inside apt-get -qq purge --yes shieldrelay >/dev/null 2>&1
left=$(find "$root" -xdev -path "$root/proc" -prune -o -path "$root/root" -prune -o -name '*shieldrelay*' -print)
[ -z "$left" ] || { echo "purge leaves: $left" >&2; exit 1; }
echo "== nothing is left"
