#!/bin/bash
# sudo ./install.sh                       install edgeemo on this machine, or upgrade it
# sudo ./install.sh --offline wheelhouse/bookworm-arm64   from wheels that `make wheelhouse` prepared
#      ./install.sh --dry-run             only say what would be done
# sudo ./install.sh --runtime tflite-runtime              instead of LiteRT (64-bit, Python 3.11)
#
# For Raspberry Pi OS Bookworm and Trixie and Debian 12 and 13, 64-bit, and Bookworm 32-bit.
# A new environment is built beside the old one, checked, and then switched to; whatever fails or
# interrupts that, what was in use stays in use. Of a first installation that fails Debian's packages
# stay and, if it was past its check, the user and the folders. Asks nothing.
set -euo pipefail
umask 022

readonly ROOT=/opt/edgeemo
readonly ETC=/etc/edgeemo
readonly STATE=/var/lib/edgeemo
readonly UNITS=/etc/systemd/system
readonly LINK=/usr/local/bin/edgeemo
readonly LOCK=/run/edgeemo-install.lock
# Debian's own: one under somebody's home is hidden from the service by its sandbox.
readonly PYTHON=/usr/bin/python3

switched=     # once the new environment is in use
restarted=()  # the units that were restarted in it
dry_run=
offline=
wheel=        # of edgeemo itself, with --offline
runtime=litert

usage() {
    sed -n '2,5s/^# *//p' "$0"
}

say() { echo "==> $*"; }

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# run TEXT COMMAND...: say what is done and do it; with --dry-run only say it.
run() {
    echo "    $1"
    shift
    [[ $dry_run ]] || "$@"
}

read_arguments() {
    while (($#)); do
        case $1 in
            --dry-run) dry_run=1 ;;
            --offline) offline=$(readlink -e "${2:?--offline needs a folder}") ||
                fail "--offline $2: there is no such folder; make it with: make wheelhouse"
                shift ;;
            --runtime) runtime=${2:?--runtime needs a name}; shift ;;
            -h | --help) usage; exit ;;
            *) usage >&2; fail "unknown argument $1" ;;
        esac
        shift
    done
    [[ $runtime == litert || $runtime == tflite-runtime ]] ||
        fail "--runtime $runtime: allowed are litert and tflite-runtime"
    [[ $dry_run || $(id -u) == 0 ]] || fail "has to be run as root: sudo ./install.sh (or --dry-run)"
}

# What this machine is: sets system, arch, python_version, board.
look_around() {
    # shellcheck source=/dev/null
    system=$(. /etc/os-release && echo "${PRETTY_NAME:-unknown}")
    command -v dpkg >/dev/null ||
        fail "$system: only Debian and Raspberry Pi OS are supported; elsewhere: pip install ."
    command -v systemctl >/dev/null || fail "$system: there is no systemd to run the service"
    # The userland's, not the kernel's: 32-bit Raspberry Pi OS runs under a 64-bit kernel.
    arch=$(dpkg --print-architecture)
    board=
    # Debian's smallest images lack it; which dependencies fit is a matter of its version.
    if [[ ! -x $PYTHON ]]; then
        say "this machine: $system, $arch, without $PYTHON"
        run "apt-get install python3" apt_get python3
        [[ ! $dry_run ]] || { echo "    the rest depends on its version"; exit; }
    fi
    python_version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [[ -r /proc/device-tree/model ]] && board=$(tr -d '\0' </proc/device-tree/model)
    say "this machine: $system, $arch, Python $python_version${board:+, $board}"
}

# The dependency set that fits: sets requirements and packages.
choose_set() {
    packages=(python3-venv)
    case $runtime:$arch:$python_version in
        litert:amd64:3.11 | litert:arm64:3.11) requirements=litert-numpy1 ;;
        litert:amd64:3.1[23] | litert:arm64:3.1[23]) requirements=litert-numpy2 ;;
        tflite-runtime:amd64:3.11 | tflite-runtime:arm64:3.11) requirements=tflite-numpy1 ;;
        *:armhf:3.11)
            requirements=tflite-debian
            packages+=(python3-numpy python3-opencv opencv-data python3-yaml) ;;
        *:armhf:*) fail "32-bit needs Bookworm: no TFLite runtime exists for Python $python_version there" ;;
        tflite-runtime:*) fail "tflite-runtime ends at Python 3.11, here is $python_version: use litert" ;;
        *) fail "Python $python_version on $arch is not supported: needs 3.11 to 3.13 on amd64, arm64 or armhf" ;;
    esac
    say "packages from PyPI: tools/requirements/$requirements.txt"
}

# The Pi's own camera is reached through a package of Raspberry Pi OS.
choose_picamera2() {
    [[ $board == *"Raspberry Pi"* ]] || return 0
    if ! knows_picamera2 && [[ ! $offline ]]; then
        run "apt-get update, since a fresh card knows no packages yet" apt-get update -qq
    fi
    if knows_picamera2; then
        packages+=(python3-picamera2)
    else
        say "there is no python3-picamera2 for this system: cameras on USB and in the network only"
    fi
}

knows_picamera2() {
    apt-cache show python3-picamera2 >/dev/null 2>&1
}

install_debian_packages() {
    say "Debian packages: ${packages[*]}"
    local missing=() package
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    run "apt-get install ${missing[*]}" apt_get "${missing[@]}"
}

apt_get() {
    local log
    log=$(mktemp)
    if ! { apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } \
        >"$log" 2>&1; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install $*; nothing was changed"
    fi
    rm -f "$log"
}

# Nothing may be taken over, and later removed, that somebody else put there.
refuse_what_is_not_ours() {
    [[ ! -e $LINK || $(readlink "$LINK") == "$ROOT"/* ]] ||
        fail "$LINK exists and is not ours: move it away first"
    local account
    account=$(getent passwd edgeemo || true)
    [[ ! $account || $account == *:/nonexistent:* ]] ||
        fail "there is an account edgeemo that is not the service's, whose home is /nonexistent: rename it first"
}

create_user() {
    say "system user edgeemo, in group video for the cameras"
    if ! getent passwd edgeemo >/dev/null; then
        run "useradd edgeemo" useradd --system --user-group --no-create-home \
            --home-dir /nonexistent --shell /usr/sbin/nologin edgeemo
    fi
    run "usermod: group video" usermod --append --groups video edgeemo
}

# Build the new environment in its final place, since a venv can't be moved: sets version, wheel, new.
build_environment() {
    version=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' edgeemo/__init__.py)
    [[ ! $offline ]] || find_wheel
    new=$ROOT/$version-$(date -u +%Y%m%dT%H%M%SZ)
    say "environment $new"
    [[ $dry_run ]] || { trap abandon EXIT; trap 'exit 130' INT TERM HUP; }
    run "a virtual environment that also sees Debian's packages (picamera2)" \
        "$PYTHON" -m venv --system-site-packages "$new"
    run "edgeemo $version itself" install_itself
    run "dependencies (a few hundred MB on disk, some minutes on a Pi)" \
        pip_install --no-deps -r "tools/requirements/$requirements.txt"
    run "its units, default settings and documentation" copy_extras
}

pip_install() {
    local from=()
    [[ $offline ]] && from=(--no-index --find-links "$offline")
    # As a variable, since pip calls another one to build edgeemo itself.
    PIP_NO_CACHE_DIR=1 "$new/bin/python" -m pip install --quiet --disable-pip-version-check "${from[@]}" "$@"
}

find_wheel() {
    local found=("$offline/edgeemo-$version"-*.whl)
    wheel=${found[0]}
    [[ -e $wheel ]] || fail "$offline holds no edgeemo $version: make it again with make wheelhouse"
}

install_itself() {
    pip_install --no-deps "${wheel:-.}"
    [[ ! $wheel ]] || is_of_this_checkout ||
        fail "$wheel was made of other sources than these: make it again with make wheelhouse"
}

# A wheel of the same version may all the same be older than the checkout; says which files differ.
is_of_this_checkout() {
    local installed
    installed=$("$new/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/edgeemo
    diff -rq -x __pycache__ -x models -x config.yaml edgeemo "$installed" &&
        diff -rq -x '*.report.html' models "$installed/models" &&
        diff -q config.yaml "$installed/config.yaml"
}

copy_extras() {
    mkdir -p "$new/share/edgeemo"
    cp -r config.yaml uninstall.sh systemd/*.service docs/. "$new/share/edgeemo/"
}

# The new environment goes; if it was in use already the old one takes its place again.
abandon() {
    local code=$? told="$new was removed again"
    trap - EXIT
    trap '' INT TERM HUP
    set +e
    if [[ $old ]]; then
        told="$old stays in use"
        [[ ! $switched ]] || { go_back; told="$old is in use again"; }
    elif [[ $switched ]]; then
        rm -f "$LINK" "$ROOT/current" "$UNITS"/edgeemo.service "$UNITS"/edgeemo@.service \
            "$UNITS"/*.wants/edgeemo.service
    fi
    rm -rf "$new"
    rmdir --ignore-fail-on-non-empty "$ROOT" 2>/dev/null
    echo "install.sh: failed; $told" >&2
    exit "$code"
}

go_back() {
    switch_to "$old"
    copy_units "$ROOT/$old"
    ((${#restarted[@]} == 0)) || systemctl restart "${restarted[@]}"
}

check_environment() {
    say "checking it"
    run "an interpreter built and invoked, a face found in the demo" \
        in_new python -m edgeemo.selfcheck
    if "$PYTHON" -c 'import picamera2' 2>/dev/null; then
        run "picamera2 can be imported in it" in_new python -c 'import picamera2'
    fi
    local unit
    for unit in $(active_units); do
        run "it understands $(config_of "$unit"), which is in use" check_config "$(config_of "$unit")"
    done
}

check_config() {
    in_new edgeemo check "$1" >/dev/null
}

# From the root folder, so that the modules of a checkout can't be taken for the installed ones.
in_new() {
    local program=$1
    shift
    (cd / && STATE_DIRECTORY=$STATE "$new/bin/$program" "$@")
}

active_units() {
    [[ -d /run/systemd/system ]] || return 0
    systemctl list-units --plain --no-legend --state=active,activating,reloading \
        'edgeemo.service' 'edgeemo@*.service' | awk '{ print $1 }'
}

# As the unit does with %i: the instance's name as it stands, whose hyphens systemd-escape would take for slashes.
config_of() {
    local instance=${1#edgeemo@}
    case $1 in
        edgeemo@*) echo "$ETC/${instance%.service}.yaml" ;;
        *) echo "$ETC/config.yaml" ;;
    esac
}

install_folders() {
    say "settings in $ETC, state in $STATE"
    run "readable by root and the service, since they may hold a password" make_folders
}

# Once nothing can fail any more: a failed upgrade has no new defaults.
install_config() {
    say "settings"
    local shipped=$ROOT/$old/share/edgeemo/config.yaml
    if [[ -d $ETC && ! -x $ETC ]]; then
        echo "    what there is in $ETC can only be told with sudo"
    elif [[ ! -e $ETC/config.yaml ]]; then
        run "config.yaml, with every key at its default" copy_config config.yaml
    elif ! cmp -s config.yaml "$ETC/config.yaml" && ! cmp -s config.yaml "$shipped"; then
        run "config.yaml is yours and stays; the new default is config.yaml.new" copy_config config.yaml.new
    fi
}

make_folders() {
    # After an uninstall that kept them they are root's: the user and group have another number now.
    if [[ -d $ETC && $(stat -c %G "$ETC") != edgeemo ]]; then
        find "$ETC" -path "$ETC/secrets" -prune -o -group root -exec chgrp edgeemo {} +
    fi
    # The service reads its settings by their group, also those that were put there for root alone.
    [[ ! -d $ETC ]] ||
        find "$ETC" -maxdepth 1 -type f -name '*.yaml' -group edgeemo ! -perm -g=r -exec chmod g+r {} +
    if [[ -d $STATE && $(stat -c %U "$STATE") != edgeemo ]]; then
        chown -R edgeemo:edgeemo "$STATE"
    fi
    # With its group for whatever is put there later, such as a copy for a second camera.
    install -d -m 2750 -o root -g edgeemo "$ETC"
    install -d -m 0700 -o root -g root "$ETC/secrets"
    install -d -m 0700 -o edgeemo -g edgeemo "$STATE"
}

copy_config() {
    install -m 0640 -o root -g edgeemo config.yaml "$ETC/$1"
}

install_units() {
    local known=
    [[ ! -e $UNITS/edgeemo.service ]] || known=1
    say "units edgeemo.service and edgeemo@.service in $UNITS"
    run "copy them, and have systemd read them" copy_units "$new"
    [[ $old && $known ]] || run "start at boot" systemctl enable --quiet edgeemo.service
}

copy_units() {
    install -m 0644 "$1"/share/edgeemo/*.service "$UNITS/"
    [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
}

# Renaming a link over another is one step: no moment is without an environment.
switch_to() {
    ln -sfn "$1" "$ROOT/current.new"
    mv -T "$ROOT/current.new" "$ROOT/current"
}

switch() {
    say "switching to the new environment"
    [[ $dry_run ]] || switched=1
    run "$ROOT/current -> $(basename "$new")" switch_to "$(basename "$new")"
    run "$LINK" ln -sfn "$ROOT/current/bin/edgeemo" "$LINK"
}

restart_units() {
    local unit
    for unit in $(active_units); do
        say "restarting $unit"
        restarted+=("$unit")
        run "systemctl restart, until it says that it is ready" restart "$unit"
    done
    trap - EXIT INT TERM HUP
}

restart() {
    systemctl restart "$1" || fail "$1 did not start in the new environment: journalctl -u $1"
}

# The one before stays, to go back to by hand.
remove_older() {
    local folder
    for folder in "$ROOT"/[0-9]*; do
        case $(basename "$folder") in
            "$(basename "$new")" | "$old" | '[0-9]*') ;;
            *) run "removing the older $folder" rm -rf "$folder" ;;
        esac
    done
}

say_what_next() {
    [[ $dry_run ]] && return
    say "edgeemo doctor"
    # What is not there yet, a camera or a broker, is for the reader to mend, and no failure of the installation.
    doctor || true
    [[ $old ]] && { say "upgraded from $old to $(basename "$new")"; return; }
    say "installed. Next:"
    echo "    sudo nano $ETC/config.yaml      name your broker: mqtt.host"
    echo "    sudo systemctl start edgeemo       and: journalctl -fu edgeemo"
    echo "    $ROOT/current/share/edgeemo/raspberry-pi.md tells more"
}

# As the service's user, who has to reach the camera, and with the secrets, which only systemd gives that user.
doctor() {
    if [[ -d /run/systemd/system ]]; then
        systemd-run --quiet --wait --pipe --collect --property=User=edgeemo \
            --property=SupplementaryGroups=video --property="LoadCredential=secrets:$ETC/secrets" \
            --setenv=STATE_DIRECTORY=$STATE "$LINK" doctor "$ETC/config.yaml"
    else
        (cd / && runuser -u edgeemo -- env STATE_DIRECTORY=$STATE "$LINK" doctor "$ETC/config.yaml")
    fi
}

take_lock() {
    exec 9>"$LOCK"
    # The uninstaller may have removed the file between these two steps.
    if ! flock --nonblock 9 || [[ ! $LOCK -ef /proc/self/fd/9 ]]; then
        fail "another installation is running"
    fi
}

main() {
    read_arguments "$@"
    # Not before: a folder among the arguments is one of the caller's.
    cd "$(dirname "$(readlink -f "$0")")"
    look_around
    choose_set
    choose_picamera2
    refuse_what_is_not_ours
    [[ $dry_run ]] || take_lock
    old=$(basename "$(readlink "$ROOT/current" || true)")
    install_debian_packages
    build_environment
    check_environment
    create_user
    install_folders
    switch
    install_units
    restart_units
    install_config
    remove_older
    say_what_next
}

main "$@"
