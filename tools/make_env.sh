#!/bin/bash
# tools/make_env.sh .venv tools,keras2,dev,demo     the environment that every make target uses
# tools/make_env.sh .venv-tflite tflite-runtime,... a second one, with tflite-runtime alone
#
# Builds a virtual environment with this checkout, editable, and the named extras in it.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=$1
extras=$2
versions=(3.11 3.12 3.13)
# tflite-runtime's last release has no wheel for anything newer.
[[ $extras == *tflite-runtime* ]] && versions=(3.11)

# A name on the PATH may be a version manager's shim that then fails: only running it tells.
find_python() {
    local version
    for version in "${versions[@]}"; do
        if "python$version" -c '' 2>/dev/null; then
            echo "python$version"
            return
        fi
    done
    echo "no Python ${versions[*]} on the PATH: install one (Debian 12: apt-get install python3 python3-venv)" >&2
    return 1
}

# Debian splits ensurepip off; without it `python -m venv` fails in the middle.
need_venv_module() {
    local python=$1
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "$python can't make virtual environments: sudo apt-get install -y $python-venv" >&2
        return 1
    fi
    echo "installing $python-venv (apt-get)"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$python-venv" >/dev/null
}

python=$(find_python)
need_venv_module "$python"

echo "building $venv with $python: edgeemo and its extras $extras; with TensorFlow 2 GB and some minutes"
started=$SECONDS
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".[$extras]"
if [[ $extras == *tflite-runtime* ]]; then
    # So that this environment shows what holds with the other runtime alone.
    "$venv/bin/python" -m pip uninstall --quiet --yes ai-edge-litert
fi
touch "$venv/.complete"
echo "$venv is ready after $((SECONDS - started)) s"
