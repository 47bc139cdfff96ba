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
readonly LOCK=/run/edgeemo-install.lock

dry_run=
purge=

fail() {
    echo "uninstall.sh: $*" >&2
    exit 1
}

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
    [[ $dry_run || $(id -u) == 0 ]] || fail "has to be run as root: sudo ./uninstall.sh (or --dry-run)"
}

# The installer's own, so that neither works while the other does; it goes while it is still held.
take_lock() {
    exec 9>"$LOCK"
    if ! flock --nonblock 9 || [[ ! $LOCK -ef /proc/self/fd/9 ]]; then
        fail "an installation is running"
    fi
    trap 'rm -f "$LOCK"' EXIT
}

stop_units() {
    # As a pattern, so that none at all is no error.
    [[ ! -d /run/systemd/system ]] || systemctl stop 'edgeemo[.@]*service'
    # Every link by which a target wants one of our units, as `systemctl disable` takes away.
    find "$UNITS" -path '*.wants/edgeemo*.service' -type l -delete
}

remove_units() {
    rm -f "$UNITS/edgeemo.service" "$UNITS/edgeemo@.service"
    [[ ! -d /run/systemd/system ]] || forget_units
}

# One that had failed would else be listed as failed for ever.
forget_units() {
    systemctl daemon-reload
    systemctl reset-failed 'edgeemo[.@]*service'
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

# Only an account as the installer makes it: a person's has a home.
remove_user() {
    local account
    account=$(getent passwd edgeemo || true)
    if [[ $account && $account != *:/nonexistent:* ]]; then
        echo "    it is not the installer's, whose home is /nonexistent: it stays"
        return
    fi
    [[ ! $account ]] || userdel edgeemo || fail "the user edgeemo stays, all else is done"
    ! getent group edgeemo >/dev/null || groupdel edgeemo
}

main() {
    read_arguments "$@"
    [[ $dry_run ]] || take_lock
    run "stopping edgeemo and taking it out of the boot" stop_units
    run "removing its units" remove_units
    run "removing $LINK" remove_link
    if [[ $purge ]]; then
        run "removing settings, drop-ins and state" rm -rf "$ETC" "$STATE" "$UNITS"/edgeemo.service.d "$UNITS"/edgeemo@*.service.d
    else
        run "keeping $ETC, $STATE and drop-ins, for root alone (--purge removes them)" keep_for_root
    fi
    run "removing $ROOT" rm -rf "$ROOT"
    # Last: a process of its own keeps an account, and shall keep nothing else.
    run "removing the user edgeemo" remove_user
}

main "$@"
