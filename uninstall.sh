#!/bin/bash
# sudo ./uninstall.sh             remove edgeemo; settings and waiting events stay
# sudo ./uninstall.sh --purge     remove those too
#      ./uninstall.sh --dry-run   only say what would be done
#
# Debian packages that the installer added stay, since others may use them by now.
set -euo pipefail

readonly ROOT=/opt/edgeemo
readonly ETC=/etc/edgeemo
readonly STATE=/var/lib/edgeemo
readonly UNITS=/etc/systemd/system
readonly LINK=/usr/local/bin/edgeemo

dry_run=
purge=

run() {
    echo "==> $1"
    shift
    [[ $dry_run ]] || "$@"
}

read_arguments() {
    local argument
    for argument; do
        case $argument in
            --purge) purge=1 ;;
            --dry-run) dry_run=1 ;;
            *) sed -n '2,4s/^# *//p' "$0"; [[ $argument == -h || $argument == --help ]] && exit; exit 1 ;;
        esac
    done
    if [[ ! $dry_run && $(id -u) != 0 ]]; then
        echo "uninstall.sh: has to be run as root: sudo ./uninstall.sh (or --dry-run)" >&2
        exit 1
    fi
}

stop_units() {
    # As a pattern, so that none at all is no error.
    [[ ! -d /run/systemd/system ]] || systemctl stop 'edgeemo[.@]*service'
    # Every link by which a target wants one of our units, as `systemctl disable` takes away.
    find "$UNITS" -path '*.wants/edgeemo*.service' -type l -delete
}

remove_units() {
    rm -f "$UNITS/edgeemo.service" "$UNITS/edgeemo@.service"
    [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
}

remove_link() {
    [[ $(readlink "$LINK") != "$ROOT"/* ]] || rm -f "$LINK"
}

# What stays must not fall to whoever is given the freed user number next.
keep_for_root() {
    local kept
    for kept in "$ETC" "$STATE"; do
        [[ ! -e $kept ]] || chown -R root:root "$kept"
    done
}

remove_user() {
    ! getent passwd edgeemo >/dev/null || userdel edgeemo
    ! getent group edgeemo >/dev/null || groupdel edgeemo
}

main() {
    read_arguments "$@"
    run "stopping edgeemo and taking it out of the boot" stop_units
    run "removing its units" remove_units
    run "removing $LINK" remove_link
    if [[ $purge ]]; then
        run "removing settings, drop-ins and state" rm -rf "$ETC" "$STATE" "$UNITS"/edgeemo.service.d "$UNITS"/edgeemo@*.service.d
    else
        run "keeping $ETC, $STATE and drop-ins, for root alone (--purge removes them)" keep_for_root
    fi
    run "removing the user edgeemo" remove_user
    run "removing $ROOT" rm -rf "$ROOT"
}

main "$@"
