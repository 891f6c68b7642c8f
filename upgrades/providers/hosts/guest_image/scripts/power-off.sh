#!/bin/sh
# Data disks are unmounted before the power goes.
sync
for folder in /data/*; do umount "$folder" 2>/dev/null; done
mount -o remount,ro / 2>/dev/null
poweroff -f
