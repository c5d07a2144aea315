"""User data: what a machine does on its first boot, put together from the files beside this module."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

LIMIT_BYTES = 16 * 1024
"""EC2's limit of user data, before base64:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"""

ORCHESTRATOR = Path(__file__).parent / "orchestrator"
"""The orchestrator's files. `cloud-config.yaml` is the frame; all others are written to the machine's disk."""


class BootError(ValueError):
    """User data cannot be put together; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What the orchestrator must know of its stack when it boots. None of it is secret.

    Attributes:
        environment: The stack's name.
        region: The AWS region.
        log_group: Where the CloudWatch agent ships its logs to.
        repository: The repository that its agents work on, `owner/name` on GitHub.
    """

    environment: str
    region: str
    log_group: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A file of this package and its place on the machine.

    Attributes:
        source: Its path in the machine's folder.
        path: Its path on the machine.
        mode: Its permissions, in octal digits.
    """

    source: str
    path: str
    mode: str = "0644"


PROGRAMS = "/usr/local/libexec/cfs"
UNITS = "/etc/systemd/system"

ORCHESTRATOR_FILES = (
    Placed(source="prepare.sh", path=f"{PROGRAMS}/prepare", mode="0755"),
    Placed(source="toolchain.sh", path=f"{PROGRAMS}/toolchain", mode="0755"),
    Placed(source="fetch-secrets.sh", path=f"{PROGRAMS}/fetch-secrets", mode="0755"),
    Placed(source="git-credential.sh", path=f"{PROGRAMS}/git-credential", mode="0755"),
    Placed(source="logged.sh", path=f"{PROGRAMS}/logged", mode="0755"),
    Placed(source="packages.txt", path="/etc/cfs/packages.txt"),
    Placed(source="versions.env", path="/etc/cfs/versions.env"),
    Placed(source="agents.env", path="/etc/cfs/agents.env"),
    Placed(source="secrets.txt", path="/etc/cfs/secrets.txt"),
    Placed(source="cloudwatch-agent.json", path="/etc/cfs/cloudwatch-agent.json"),
    Placed(source="logrotate.conf", path="/etc/logrotate.d/cfs-agents"),
    Placed(source="cfs-secrets.service", path=f"{UNITS}/cfs-secrets.service"),
    Placed(source="cfs-watchdog.service", path=f"{UNITS}/cfs-watchdog.service"),
    Placed(source="cfs-watchdog.timer", path=f"{UNITS}/cfs-watchdog.timer"),
    Placed(source="cfs-supervisor.service", path=f"{UNITS}/cfs-supervisor.service"),
    Placed(source="cfs-supervisor.timer", path=f"{UNITS}/cfs-supervisor.timer"),
)


def orchestrator(machine: Machine) -> str:
    """Give the orchestrator's user data as EC2 takes it, in base64.

    Raises:
        BootError: A value cannot stand in a file that a shell reads, or all together is too long.
    """
    return encoded(cloud_config(machine))


def cloud_config(machine: Machine) -> str:
    """Give the orchestrator's cloud-config: the frame, and every file that is written to its disk."""
    frame = (ORCHESTRATOR / "cloud-config.yaml").read_text(encoding="utf-8")
    files = [
        {
            "path": placed.path,
            "permissions": placed.mode,
            "content": _filled((ORCHESTRATOR / placed.source).read_text(encoding="utf-8"), machine),
        }
        for placed in ORCHESTRATOR_FILES
    ]
    files.append({"path": "/etc/cfs/machine.env", "permissions": "0644", "content": machine_env(machine)})
    # JSON is YAML, so no value needs quoting that this module would have to know.
    return f"{frame}\nwrite_files: {json.dumps(files, indent=0)}\n"


_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_PLACEHOLDER = re.compile(r"@(\w+)@")


def machine_env(machine: Machine) -> str:
    """Give the machine's facts as variables, which shells and systemd read alike.

    Raises:
        BootError: A value has characters that one of them would interpret.
    """
    return "".join(f"{key}={value}\n" for key, value in _variables(machine).items())


def _variables(machine: Machine) -> dict[str, str]:
    variables = {
        "CFS_ENVIRONMENT": machine.environment,
        "CFS_LOG_GROUP": machine.log_group,
        "CFS_REPOSITORY": machine.repository,
        "AWS_REGION": machine.region,
        "AWS_DEFAULT_REGION": machine.region,
    }
    for key, value in variables.items():
        if not _PLAIN.fullmatch(value):
            raise BootError(f"{key}: {value!r} must consist of letters, digits and any of _./-")
    return variables


def _filled(text: str, machine: Machine) -> str:
    """Replace `@NAME@` by the machine's variable of that name; a name that there is not is a KeyError."""
    variables = _variables(machine)
    return _PLACEHOLDER.sub(lambda found: variables[found[1]], text)


def encoded(text: str) -> str:
    """Encode user data for EC2, compressed only where it would be too long: plain text can be read in the console.

    Raises:
        BootError: It is too long even then.
    """
    data = text.encode()
    if len(data) > LIMIT_BYTES:
        # No time of compression, so that equal text gives equal data.
        data = gzip.compress(data, compresslevel=9, mtime=0)
    if len(data) > LIMIT_BYTES:
        raise BootError(f"user data has {len(data)} bytes compressed; EC2 takes {LIMIT_BYTES}")
    return base64.b64encode(data).decode()
