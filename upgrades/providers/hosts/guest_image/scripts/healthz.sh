#!/bin/sh
# The application's health: 200 if it is up, 503 if not. The body is the report of guest.sh.
status=/run/rollgrid/status.json
code='503 Service Unavailable'
[ "$(cat /run/application 2>/dev/null)" != up ] || ! grep -q '"phase":"running"' $status || code='200 OK'
printf 'Status: %s\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n' "$code"
cat $status 2>/dev/null || echo '{}'
