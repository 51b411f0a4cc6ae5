"""What an instance does with its disks at first boot, with stand-ins for the commands that would format one."""

import os
import subprocess
from pathlib import Path

import pytest

from cdk.constructs import gpu_instances

_SCRIPT = Path(gpu_instances.__file__).with_name("gpu_instance.sh")
_NVME = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder of commands that only say that they were called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkfs.xfs", "mdadm", "mount", "dnf"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def _boot(root: Path, commands: Path, disks: int) -> tuple[int, list[str], str]:
    """The exit status, what was called, and what fstab reads afterwards, on an instance with so many disks of its own."""
    names, devices = root / "by-id", root / "dev"
    for folder in (names, devices):
        folder.mkdir()
    (names / "nvme-Amazon_Elastic_Block_Store_vol0").symlink_to(devices / "nvme0n1")
    for index in range(1, disks + 1):
        # udev gives a disk two names.
        for suffix in ("", "_1"):
            (names / f"{_NVME}{index}{suffix}").symlink_to(devices / f"nvme{index}n1")
    text = _SCRIPT.read_text().replace("/dev/disk/by-id", str(names)).replace("/mnt/weights", str(root / "weights"))
    script = text.replace("/etc/fstab", str(root / "fstab"))
    environment = {"PATH": f"{commands}:{os.environ['PATH']}"}
    run = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=environment)
    fstab = (root / "fstab").read_text() if (root / "fstab").exists() else ""
    called = [line for line in run.stdout.splitlines() if line.startswith(("mkfs", "mdadm", "mount"))]
    return run.returncode, called, fstab


def test_several_disks_become_one_that_is_mounted_again_after_a_reboot(tmp_path: Path, commands: Path) -> None:
    status, called, fstab = _boot(tmp_path, commands, disks=8)

    devices = " ".join(str(tmp_path / "dev" / f"nvme{index}n1") for index in range(1, 9))
    assert status == 0
    assert called == [
        f"mdadm --create /dev/md0 --run --level=0 --raid-devices=8 {devices}",
        "mkfs.xfs -f -L weights /dev/md0",
        f"mount {tmp_path}/weights",
    ]
    assert fstab == f"LABEL=weights {tmp_path}/weights xfs defaults,noatime,nofail 0 2\n"


def test_a_single_disk_needs_no_array(tmp_path: Path, commands: Path) -> None:
    status, called, _ = _boot(tmp_path, commands, disks=1)

    assert status == 0
    assert called == [f"mkfs.xfs -f -L weights {tmp_path}/dev/nvme1n1", f"mount {tmp_path}/weights"]


def test_without_a_disk_of_its_own_nothing_is_formatted_and_the_folder_is_there(tmp_path: Path, commands: Path) -> None:
    status, called, fstab = _boot(tmp_path, commands, disks=0)

    assert (status, called, fstab) == (0, [], "")
    assert (tmp_path / "weights").is_dir()


def test_a_disk_that_cannot_be_formatted_is_not_mounted(tmp_path: Path, commands: Path) -> None:
    (commands / "mkfs.xfs").write_text("#!/bin/sh\nexit 1\n")

    status, called, fstab = _boot(tmp_path, commands, disks=1)

    assert (status, called, fstab) == (1, [], "")
