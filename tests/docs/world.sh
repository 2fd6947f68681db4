#!/bin/bash
# world.sh SCRATCH CHECKOUT SCRIPT [ROOT]: run a script in a world of its own, as the documents tell of it.
#
# To be started in new namespaces of everything (`unshare`). What is written goes into memory, over the machine's own
# files, and is gone afterwards; or over those of ROOT, another system. In the world there are: this machine,
# mx1.shield.example, 198.51.100.10, with the program as the package leaves it behind (a CHECKOUT that is "" says that the
# package itself is installed), and a node that runs with no more rights than the service; the customer's mail server,
# 192.0.2.25, which takes everything; a stranger, 203.0.113.9; and name servers that know them all. systemctl and
# journalctl are stand-ins.
set -eu
scratch=$1 checkout=$2 script=$3 lower=${4:-/}

mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t sysfs sysfs "$root/sys"
cp "$script" "$root/run/script"
cat >"$root/run/begin" <<'BEGIN'
set -eu
checkout=$1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
unset PYTHONPATH PYTHONSTARTUP VIRTUAL_ENV
cd /root

# the network
ip link set lo up
ip address add 198.51.100.10/32 dev lo
ip address add 2001:db8::10/128 dev lo
for other in customer:192.0.2.25 stranger:203.0.113.9; do
    name=${other%%:*} address=${other#*:}
    ip netns add "$name"
    ip link add "$name" type veth peer name eth0 netns "$name"
    ip link set "$name" up
    ip route add "$address/32" dev "$name" src 198.51.100.10
    ip -n "$name" link set lo up
    ip -n "$name" link set eth0 up
    ip -n "$name" address add "$address/32" dev eth0
    ip -n "$name" route add default dev eth0
done
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/all/proxy_arp
hostname mx1.shield.example
printf '127.0.0.1 localhost\n198.51.100.10 mx1.shield.example mx1\n' >/etc/hosts
rm -f /etc/resolv.conf
echo nameserver 127.0.0.1 >/etc/resolv.conf

# name servers
mkdir -p /var/lib/names
zone() {
    printf '$TTL 300\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n%b' "$2" \
        >"/var/lib/names/$1"
    printf 'zone:\n  name: %s\n  zonefile: %s\n' "$1" "$1" >>/var/lib/names/nsd.conf
}
cat >/var/lib/names/nsd.conf <<'NSD'
server:
  ip-address: 127.0.0.1@53
  username: ""
  chroot: ""
  zonesdir: "/var/lib/names"
  pidfile: "/var/lib/names/pid"
  database: ""
  zonelistfile: "/var/lib/names/zone.list"
  xfrdfile: "/var/lib/names/xfrd"
  xfrdir: "/var/lib/names"
  server-count: 1
remote-control:
  control-enable: no
NSD
zone shield.example 'mx1 IN A 198.51.100.10\nmx1 IN AAAA 2001:db8::10\nmx2 IN A 198.51.100.11\n'
zone example.com '@ IN MX 10 mail\nmail IN A 192.0.2.25\n'
zone sender.example '@ IN MX 10 mail\nmail IN A 11.22.33.44\n@ IN TXT "v=spf1 ip4:203.0.113.9 -all"\n'
zone 100.51.198.in-addr.arpa '10 IN PTR mx1.shield.example.\n11 IN PTR mx2.shield.example.\n'
zone 113.0.203.in-addr.arpa '9 IN PTR mail.sender.example.\n'
zone 8.b.d.0.1.0.0.2.ip6.arpa '0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 IN PTR mx1.shield.example.\n'
nsd -c /var/lib/names/nsd.conf

# the customer's mail server, whose mail lies in /var/tmp/customer
install -d -m 777 /var/tmp/customer
ip netns exec customer smtp-sink -u nobody -h mail.example.com -d /var/tmp/customer/%H%M%S. 192.0.2.25:25 50 &

# the program, as its package leaves it behind
as_packaged() {
    above=$checkout
    while [ "$above" != / ]; do
        chmod o+x "$above"
        above=$(dirname "$above")
    done
    chmod o+x /root
    addgroup --quiet --system shieldrelay 2>/dev/null
    adduser --quiet --system --ingroup shieldrelay --home /var/lib/shieldrelay --no-create-home shieldrelay 2>/dev/null
    install -d -m 700 -o shieldrelay -g shieldrelay /var/spool/shieldrelay /var/lib/shieldrelay
    install -d -m 750 -o shieldrelay -g adm /var/log/shieldrelay
    install -d -m 755 /etc/shieldrelay /etc/shieldrelay/domains.d
    install -d -m 750 -g shieldrelay /etc/shieldrelay/tls
    sed "s/^hostname = .*/hostname = \"mx1.shield.example\"/" "$checkout/etc/shieldrelay.toml" >/etc/shieldrelay/shieldrelay.toml
    command() {
        printf '#!/bin/sh\nPYTHONPATH=%s exec %s/.venv/bin/%s "$@"\n' "$checkout" "$checkout" "$2" >"/usr/local/bin/$1"
        chmod 755 "/usr/local/bin/$1"
    }
    command shieldrelayctl "python -P -m shieldrelay.admin.ctl"
    command twistd twistd
}
if [ -n "$checkout" ]; then as_packaged; fi
install -d -m 755 -o shieldrelay -g shieldrelay /run/shieldrelay
cat >/usr/local/bin/systemctl <<'SYSTEMCTL'
#!/bin/sh
# start, stop, restart, reload: as the service does it
stop() {
    [ ! -e /run/node.pid ] || kill "$(cat /run/node.pid)" 2>/dev/null || return 0
    left=300
    while [ -e /run/node.pid ] && kill -0 "$(cat /run/node.pid)" 2>/dev/null && [ $left -gt 0 ]; do
        sleep 0.1
        left=$((left - 1))
    done
    rm -f /run/node.pid
}
start() {
    cd /
    only=-all,+net_bind_service
    setsid setpriv --reuid=shieldrelay --regid=shieldrelay --init-groups --no-new-privs --bounding-set=$only \
        --inh-caps=$only --ambient-caps=$only twistd --nodaemon --pidfile= shieldrelay >>/var/log/node 2>&1 </dev/null &
    echo $! >/run/node.pid
    left=300
    until shieldrelayctl status >/dev/null 2>&1; do
        sleep 0.1
        left=$((left - 1))
        [ $left -gt 0 ] && kill -0 "$(cat /run/node.pid)" || { tail -n 20 /var/log/node >&2; exit 1; }
    done
}
[ "$2" = shieldrelay ] || { echo "systemctl: only shieldrelay is here, not $2" >&2; exit 5; }
case $1 in
start) start ;;
stop) stop ;;
restart) stop; start ;;
reload) kill -HUP "$(cat /run/node.pid)" ;;
*) echo "systemctl: no $1 here" >&2; exit 5 ;;
esac
SYSTEMCTL
printf '#!/bin/sh\ncat /var/log/node\n' >/usr/local/bin/journalctl
chmod 755 /usr/local/bin/systemctl /usr/local/bin/journalctl
systemctl start shieldrelay
. /run/script
BEGIN
exec chroot "$root" bash /run/begin "$checkout"
