#!/bin/sh
# What runs custom data and extensions in a machine, and reports. It is on every seed (seed.py); any POSIX shell runs it.
#
#   guest.sh start SEED        at each boot; SEED is where the seed is mounted. Data disks, then what has not run on this OS disk yet.
#   guest.sh extensions ID     with /run/rollgrid/ID/plan: in a machine that is up
#
# A line of a plan is FILE|LINES|MEMBERS: a script, the numbers of lines that must have succeeded before, and members of a JSON object.
# Beside it is `seconds`: how long a script of it may run, and for FILE, if it has settings, FILE.json.
# The report is /run/rollgrid/status.json (guest_status.py). It is replaced as a whole, so that nobody reads half of one.
run=/run/rollgrid
state=/var/lib/rollgrid
mkdir -p $run $state
touch $state/extensions

now() { : >$run/now; TZ=UTC stat -c %y $run/now | sed 's/ /T/; s/\(\.[0-9]\{6\}\).*/\1Z/'; }

# What is asked of a data disk: the marker that was written into it when it was formatted.
markers() {
    for folder in /data/*; do
        [ -f "$folder/.rollgrid-marker" ] || continue
        marker=$(tr -cd 'A-Za-z0-9._-' <"$folder/.rollgrid-marker" | cut -c1-100)
        printf '%s{"lun":%s,"marker":"%s"}' "$comma" "${folder##*/}" "$marker"
        comma=,
    done
}

report() {
    version=$(. /etc/os-release; echo "${IMAGE_VERSION:-$VERSION_ID}" | tr -cd 'A-Za-z0-9._-')
    {
        printf '{"phase":"%s","osDisk":"%s","osVersion":"%s",' "$1" "$(cat $run/os-disk)" "$version"
        printf '"bootId":"%s",' "$(cat /proc/sys/kernel/random/boot_id)"
        printf '"work":"%s","customData":%s,' "$2" "$(cat $state/custom-data 2>/dev/null || echo null)"
        printf '"extensions":[%s],"dataDisks":[%s]}\n' "$(paste -sd, $state/extensions)" "$(comma=; markers)"
    } >$run/status.new
    mv $run/status.new $run/status.json
}

# Disks are told apart by their serial, never by their letter. One is formatted only if it is blank.
mount_data_disks() {
    for disk in /sys/block/vd*; do
        case $(cat "$disk/serial" 2>/dev/null) in data-*) lun=$(cut -c6- "$disk/serial");; *) continue;; esac
        device=/dev/${disk##*/}
        mkdir -p "/data/$lun"
        if [ "$(dd if="$device" bs=64k count=1 2>/dev/null | tr -d '\0' | wc -c)" = 0 ]; then
            mkdir -p "$run/new-$lun"
            cp "$1/rollgrid/markers/$lun" "$run/new-$lun/.rollgrid-marker"
            mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=1 -d "$run/new-$lun" "$device"
        fi
        mount -t ext4 "$device" "/data/$lun"
    done
}

# run_script FILE [SECONDS]: settings are its input. Scripts are run, and whatever else custom data may be is left to those who know it.
run_script() {
    [ "$(head -c 2 "$1")" = '#!' ] || return 0
    cp "$1" $state/script
    chmod 700 $state/script
    limit= input=/dev/null
    [ ! -f "$1.json" ] || input=$1.json
    [ -z "$2" ] || ! command -v timeout >/dev/null || limit="timeout $2"
    $limit $state/script <"$input" >>$state/log 2>&1
}

run_plan() {
    line=0 failed=' ' seconds=$(cat "$1/seconds")
    while IFS="|" read -r file after members; do
        line=$((line + 1)) code=0
        for before in $after; do
            case $failed in *" $before "*) code=125;; esac
        done
        at=$(now)
        [ $code != 0 ] || run_script "$1/$file" "$seconds" || code=$?
        [ $code = 0 ] || failed="$failed$line "
        printf '{%s,"exit":%d,"at":"%s"}\n' "$members" $code "$at" >>$state/extensions
        sync
    done <"$1/plan"
}

case $1 in
start)
    cp "$2/rollgrid/os-disk" $run/os-disk
    mount_data_disks "$2"
    report starting
    if [ ! -e $state/done ]; then
        if [ -s "$2/user-data" ] && [ ! -e $state/custom-data ]; then
            at=$(now)
            run_script "$2/user-data"
            printf '{"exit":%d,"at":"%s"}' $? "$at" >$state/custom-data
        fi
        : >$state/extensions
        run_plan "$2/rollgrid"
        : >$state/done
        sync
    fi
    report running
    ;;
extensions)
    mkdir "$run/$2/begun" 2>/dev/null || exit 0
    report running "$2 running"
    run_plan "$run/$2"
    report running "$2 done"
    ;;
esac
