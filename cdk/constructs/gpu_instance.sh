#!/bin/sh
# At an instance's first boot: its own NVMe disks become /mnt/weights. What is there is a copy that can be made again.
set -eu

mkdir -p /mnt/weights
disks=$(find /dev/disk/by-id -name 'nvme-Amazon_EC2_NVMe_Instance_Storage_*' -exec readlink -f {} + | sort -u)
count=$(printf '%s\n' "$disks" | grep -c . || true)

if [ "$count" -eq 0 ]; then
    echo "This type has no disks of its own: /mnt/weights is on the root disk"
    exit 0
fi
if [ "$count" -eq 1 ]; then
    disk=$disks
else
    command -v mdadm || dnf install --assumeyes mdadm
    disk=/dev/md0
    # shellcheck disable=SC2086 # one word a disk
    mdadm --create "$disk" --run --level=0 --raid-devices="$count" $disks
fi

mkfs.xfs -f -L weights "$disk"
echo 'LABEL=weights /mnt/weights xfs defaults,noatime,nofail 0 2' >>/etc/fstab
mount /mnt/weights
