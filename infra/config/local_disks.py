"""Sizes of the local NVMe disks of EC2's storage-optimized types, which hold ClaudeFS's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_STORAGE_GB = 1800
"""Minimum local NVMe of a storage node, in GB: the i4i.2xlarge of ClaudeFS's plans has 1,875."""

LOCAL_NVME_GB: Mapping[str, int] = {
    "i3.large": 475,
    "i3.xlarge": 950,
    "i3.2xlarge": 1900,
    "i3.4xlarge": 2 * 1900,
    "i3.8xlarge": 4 * 1900,
    "i3.16xlarge": 8 * 1900,
    "i3en.large": 1250,
    "i3en.xlarge": 2500,
    "i3en.2xlarge": 2 * 2500,
    "i3en.3xlarge": 7500,
    "i3en.6xlarge": 2 * 7500,
    "i3en.12xlarge": 4 * 7500,
    "i3en.24xlarge": 8 * 7500,
    "i3en.metal": 8 * 7500,
    "i4i.large": 468,
    "i4i.xlarge": 937,
    "i4i.2xlarge": 1875,
    "i4i.4xlarge": 3750,
    "i4i.8xlarge": 2 * 3750,
    "i4i.12xlarge": 3 * 3750,
    "i4i.16xlarge": 4 * 3750,
    "i4i.24xlarge": 6 * 3750,
    "i4i.32xlarge": 8 * 3750,
    "i4i.metal": 8 * 3750,
    "i7i.large": 468,
    "i7i.xlarge": 937,
    "i7i.2xlarge": 1875,
    "i7i.4xlarge": 3750,
    "i7i.8xlarge": 2 * 3750,
    "i7i.12xlarge": 3 * 3750,
    "i7i.16xlarge": 4 * 3750,
    "i7i.24xlarge": 6 * 3750,
    "i7i.48xlarge": 12 * 3750,
    "i7i.metal-24xl": 6 * 3750,
    "i7i.metal-48xl": 12 * 3750,
    "i7ie.large": 1250,
    "i7ie.xlarge": 2500,
    "i7ie.2xlarge": 2 * 2500,
    "i7ie.3xlarge": 7500,
    "i7ie.6xlarge": 2 * 7500,
    "i7ie.12xlarge": 4 * 7500,
    "i7ie.18xlarge": 6 * 7500,
    "i7ie.24xlarge": 8 * 7500,
    "i7ie.48xlarge": 16 * 7500,
    "i7ie.metal-24xl": 8 * 7500,
    "i7ie.metal-48xl": 16 * 7500,
}
"""Total local NVMe in GB of all x86-64 types in the storage-optimized families with NVMe disks.

https://docs.aws.amazon.com/ec2/latest/instancetypes/so.html#so_instance-store. Families with a `g`, such as i4g and
i8g, are arm64; d2, d3, d3en and h1 have hard disks. A test compares the table with recorded answers of EC2.
"""


def storage_instance_types() -> tuple[str, ...]:
    """Return the instance types allowed for storage nodes, smallest disks first."""
    return tuple(
        sorted(
            (instance_type for instance_type, size in LOCAL_NVME_GB.items() if size >= MIN_STORAGE_GB),
            key=LOCAL_NVME_GB.__getitem__,
        )
    )
