#!/bin/busybox sh
# /init of the initial RAM disk: loads the drivers of virtual hardware, and goes on from the root file system.
export PATH=/bin
busybox mount -t devtmpfs dev /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
for module in $(busybox cat /modules/order); do busybox insmod /modules/$module.ko; done
tries=0
until device=$(busybox findfs LABEL=osroot 2>/dev/null) && busybox mount -t ext4 "$device" /root; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { echo 'no root file system'; busybox sleep 5; busybox reboot -f; }
    busybox usleep 50000
done
busybox mount --move /dev /root/dev
busybox umount /proc
busybox umount /sys
exec busybox switch_root /root /sbin/init
