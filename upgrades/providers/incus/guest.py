"""What is done within a running instance: custom data is awaited, markers are written and read, extensions are run.

It needs a POSIX shell there. What has run is written on the OS disk itself, in /var/lib/rollgrid. So a new OS disk runs all of it again,
and a copy of an old one knows what it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from upgrades.core.states import Provisioning
from upgrades.providers.base import Extension, ExtensionView, Run
from upgrades.providers.hosts.extension_scripts import in_order

FOLDER = "/var/lib/rollgrid"
REPORT = f"{FOLDER}/report"
SCRIPT, SETTINGS = f"{FOLDER}/script", f"{FOLDER}/settings"  # of the extension that runs
NO_ADDRESS, NOT_YET = 76, 75  # exit codes of PREPARE: the guest has no address yet; its cloud-init is not done
CUSTOM_DATA = "customData"
MARKER = ".rollgrid-marker"
MAX_DIGITS = 9  # of a number in a report

# Lines of the report, with tabs: what it is; its name; then as the function below reads it.
_REPORT = f"""
report() {{
    {{
        [ -s custom-data ] && printf 'custom-data\\t%s\\n' "$(cat custom-data)"
        for folder in /mnt/data*; do
            [ -f "$folder/{MARKER}" ] && printf 'marker\\t%s\\t%s\\n' "${{folder#/mnt/data}}" "$(head -c 100 "$folder/{MARKER}")"
        done
        [ -f extensions ] && cat extensions
        [ -r /etc/os-release ] && printf 'os\\t%s\\n' "$(. /etc/os-release; printf %s "$IMAGE_VERSION" | tr -cd A-Za-z0-9._-)"
    }} > report.new
    mv report.new report
}}
"""
# It waits within the guest, for so many seconds: to ask Incus again and again for an address costs the host a process each time.
# The addresses are the kernel's: in fib_trie a line "/32 host LOCAL" comes after the one with the address; in if_inet6 scope 00 is global.
# An image without cloud-init can write the time when it ran its custom data into the file custom-data itself.
PREPARE = f"""\
umask 077
left=$(($1 * 10)); shift
mkdir -p {FOLDER} && cd {FOLDER} || exit 70
{_REPORT}
has_address() {{
    while read -r first second third rest; do
        case "$first $second $third" in
            "|-- "*) address=$second ;;
            "/32 host LOCAL") case $address in 127.* | 169.254.*) ;; *) return 0 ;; esac ;;
        esac
    done < /proc/net/fib_trie
    [ -r /proc/net/if_inet6 ] || return 1
    while read -r first second third scope rest; do
        [ "$scope" != 00 ] || return 0
    done < /proc/net/if_inet6
    return 1
}}
is_provisioned() {{
    command -v cloud-init > /dev/null 2>&1 || return 0
    case "$(cloud-init status 2> /dev/null)" in
        *done* | *error* | *degraded*) [ -s custom-data ] || date -u +%Y-%m-%dT%H:%M:%SZ > custom-data ;;
        *disabled*) ;;
        *) return 1 ;;
    esac
}}
until has_address; do
    [ $left -gt 0 ] || exit {NO_ADDRESS}
    if sleep 0.1 2> /dev/null; then left=$((left - 1)); else sleep 1; left=$((left - 10)); fi
done
until is_provisioned; do
    [ $left -gt 0 ] || exit {NOT_YET}
    sleep 1; left=$((left - 10))
done
while [ $# -ge 2 ]; do
    [ -e "$1/{MARKER}" ] || printf %s "$2" > "$1/{MARKER}"
    shift 2
done
report
"""
EXTEND = f"""\
operation=$1 name=$2 version=$3 at=$4 seconds=$5 input=$6
umask 077
cd {FOLDER} || exit 70
{_REPORT}
limit=
command -v timeout > /dev/null 2>&1 && limit="timeout $seconds"
code=0
(umask 022; cd /; exec $limit {FOLDER}/script) > log 2>&1 < "$input" || code=$?
message=$(tail -n 1 log | tr -d '\\t' | head -c 200)
rm -f script settings log
printf 'extension\\t%s\\t%s\\t%s\\t%s\\t%s\\t%s\\n' "$operation" "$name" "$version" "$code" "$at" "$message" >> extensions
report
"""


@dataclass(frozen=True, slots=True)
class ExtensionLine:
    """An extension that was run on this OS disk."""

    operation: str
    name: str
    version: str
    code: int
    at: str
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    custom_data_at: str
    markers: dict[int, str]
    extensions: tuple[ExtensionLine, ...]
    os_version: str = ""  # IMAGE_VERSION of its os-release

    def runs(self, os_disk: str, *, has_custom_data: bool) -> tuple[Run, ...]:
        first = (Run(CUSTOM_DATA, os_disk, self.custom_data_at),) if has_custom_data and self.custom_data_at else ()
        return (*first, *(Run(line.name, os_disk, line.at) for line in self.extensions))

    def has_run(self, extension: Extension, operation: str) -> bool:
        return any((line.operation, line.name) == (operation, extension.name) for line in self.extensions)


def read_report(text: str) -> Report:
    """Lines that are not understood are left out: a guest can write what it likes."""
    at, os_version, markers, extensions = "", "", dict[int, str](), list[ExtensionLine]()
    for line in text.splitlines():
        match line.split("\t"):
            case ["custom-data", moment]:
                at = _instant(moment)
            case ["os", version]:
                os_version = version
            case ["marker", lun, marker] if _is_number(lun):
                markers[int(lun)] = marker
            case ["extension", operation, name, version, code, moment, message] if _is_number(code):
                extensions.append(ExtensionLine(operation, name, version, int(code), _instant(moment), message))
    return Report(at, markers, tuple(extensions), os_version)


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MAX_DIGITS


def _instant(text: str) -> str:
    return text.strip().replace("Z", "+00:00")[:40]


def lacking(extensions: Sequence[Extension], present: Sequence[ExtensionView]) -> tuple[Extension, ...]:
    """Those that a machine has not, has in another version, or that failed there; in their order."""
    well = {(each.name, each.version) for each in present if each.state is not Provisioning.FAILED}
    return tuple(each for each in in_order(extensions) if (each.name, each.version) not in well)


def folder_of(lun: int) -> str:
    """Where the guest finds its data disk."""
    return f"/mnt/data{lun}"
