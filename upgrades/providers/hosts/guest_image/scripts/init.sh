#!/bin/sh
# PID 1: a very small stand-in for an init system with cloud-init.
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /run/rollgrid /run/seed /data /dev/virtio-ports
. /etc/os-release
echo "$NAME $VERSION_ID starting" >/dev/console

for port in /sys/class/virtio-ports/*; do
    name=$(cat "$port/name" 2>/dev/null)
    [ -z "$name" ] || ln -sf "../${port##*/}" "/dev/virtio-ports/$name"
done
agent=/dev/virtio-ports/org.qemu.guest_agent.0
[ ! -e $agent ] || qemu-ga -m virtio-serial -p $agent -t /run >/run/agent.log 2>&1 &

# The ACPI power button is the only input device there is.
for event in /dev/input/event*; do
    [ ! -c "$event" ] || { head -c 24 "$event" >/dev/null && power-off; } &
done

for disk in /sys/block/vd*; do
    [ "$(cat "$disk/serial" 2>/dev/null)" != seed ] || mount -t iso9660 -o ro "/dev/${disk##*/}" /run/seed
done
hostname "$(sed -n 's/^local-hostname: *//p' /run/seed/meta-data 2>/dev/null)"

ip link set lo up
ip link set eth0 up 2>/dev/null
udhcpc -i eth0 -q -n -t 20 -T 1 -s /usr/lib/guest/udhcpc.sh >/dev/null 2>&1
httpd -p 80 -h /srv/www

if [ -f /run/seed/rollgrid/guest.sh ]; then
    cp /run/seed/rollgrid/guest.sh /run/rollgrid/guest.sh
    sh /run/rollgrid/guest.sh start /run/seed
fi
/usr/lib/guest/application.sh
echo "$NAME $VERSION_ID running" >/dev/console
trap power-off TERM USR1 USR2
while :; do sleep 3600 & wait $!; done
