#!/bin/sh
# tools/need.sh PROGRAM PACKAGE...   see that PROGRAM is there, from Debian's PACKAGEs.
#
# Root gets what is missing installed; anybody else is asked for it in one line (exit 1).
set -eu

program=$1
shift
# Debian keeps daemons in sbin, which a user's PATH often lacks.
PATH=$PATH:/usr/sbin:/sbin
command -v "$program" >/dev/null && exit 0

if ! command -v apt-get >/dev/null; then
    echo "$program is missing: install it with this system's package manager, then try again" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "$program is missing: sudo apt-get install -y $*" >&2
    exit 1
fi
echo "installing $* (apt-get)"
export DEBIAN_FRONTEND=noninteractive
# Without -q's chatter, but with every warning and error.
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
command -v "$program" >/dev/null || {
    echo "$program is still missing after apt-get install $*" >&2
    exit 1
}
