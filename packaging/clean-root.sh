#!/bin/sh
# clean-root.sh PACKAGE [SUITE]: install a package into a bare Debian as docs/quick-start.md says, follow that page to its
# end in a network of its own, play debian/tests there, upgrade under load, and purge.
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
mmdebstrap --quiet --variant=minbase --include=iproute2,systemd-sysv "$suite" "$root" || exit $EX_TEMPFAIL
mount -t proc proc "$root/proc"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp "$package" "$root/root/"
mkdir -p "$root/root/tests" "$root/root/pages/tests/docs"
cp "$here"/debian/tests/* "$here/packaging/upgrade.py" "$root/root/tests/"
cp "$here"/tests/docs/blocks.py "$here"/tests/docs/follow.py "$here"/docs/quick-start.md "$root/root/pages/tests/docs/"
follow() {
    action=$1
    shift
    inside env PYTHONPATH=/root/pages /usr/lib/shieldrelay/bin/python3 -m tests.docs.follow "$action" \
        /root/pages/tests/docs/quick-start.md "$@"
}

echo "== docs/quick-start.md: installing"
inside apt-get -qq update || exit $EX_TEMPFAIL
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/whoever-reads-says-yes"
sed -n '/^```sh installs$/,/^```$/{/^```/!p}' "$here/docs/quick-start.md" >"$root/root/install"
cat "$root/root/install"
printf '127.0.0.1 localhost\n198.51.100.10 mx1.shield.example mx1\n' >"$root/etc/hosts"
unshare --uts sh -c 'hostname mx1.shield.example && exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -c "cd /root && sh -e install >log 2>&1 || { cat log; exit 1; }"' sh "$root"
rm "$root/etc/apt/apt.conf.d/whoever-reads-says-yes"

inside sh -c 'echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections'
wanted=$(sed -n 's/^Depends: @, //p' "$here/debian/tests/control" | tr -d ,)
# shellcheck disable=SC2086 # a list of words
inside apt-get -qq install --yes --no-install-recommends nsd $wanted >/dev/null 2>&1
inside sh -c 'test -e /etc/postfix/main.cf || { cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf; }'

echo "== docs/quick-start.md: to its end"
follow script >"$root/root/script"
cat >>"$root/root/script" <<'END'
for subject in first kept; do
    [ "$(grep -rl "^Subject: $subject" /var/tmp/customer | wc -l)" = 1 ] || echo "@@ it is not once at the customer's: $subject"
done
END
scratch=$(mktemp -d)
timeout 240 unshare --net --mount --uts --pid --fork --kill-child --propagation private \
    bash "$here/tests/docs/world.sh" "$scratch" "" "$root/root/script" "$root" >"$root/root/shown" || true
rmdir "$scratch"
follow judge /root/shown
if grep "^@@ it is not" "$root/root/shown"; then exit 1; fi
echo "the page is true: mail was relayed, a harvest refused, an outage survived, and all of it is at the customer's"

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
/usr/lib/shieldrelay/bin/python3 /root/tests/upgrade.py PACKAGE || status=$?
postfix stop >/dev/null 2>&1
exit $status
PLAY
sed -i "s|PACKAGE|/root/$(basename "$package")|" "$root/root/play"
# Processes of its own too: whatever still runs when the play ends, or when this is ended, ends with it.
# shellcheck disable=SC2016 # the inner shell's
unshare --net --uts --mount --pid --fork --kill-child -- \
    sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 sh /root/play' \
    sh "$root"

echo "== purge"
rm -f "$root"/etc/shieldrelay/domains.d/relayed.example.toml "$root"/etc/shieldrelay/relayed.example.recipients
inside apt-get -qq purge --yes shieldrelay >/dev/null 2>&1
left=$(find "$root" -xdev -path "$root/proc" -prune -o -path "$root/root" -prune -o -name '*shieldrelay*' -print)
[ -z "$left" ] || { echo "purge leaves: $left" >&2; exit 1; }
echo "== nothing is left"
