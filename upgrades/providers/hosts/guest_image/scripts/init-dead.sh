#!/bin/sh
# PID 1 of an image that never comes up.
echo 'this image never boots' >/dev/console
while :; do sleep 3600; done
