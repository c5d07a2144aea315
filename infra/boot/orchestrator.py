"""The orchestrator's user data, put together from the files in the folder of its name."""

from __future__ import annotations

from dataclasses import dataclass

from infra.boot import userdata
from infra.boot.userdata import Placed, library, program, unit


@dataclass(frozen=True, kw_only=True)
class OrchestratorMachine:
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


FRAME = "orchestrator/cloud-config.yaml"

FILES = (
    library("shared/boot.sh"),
    program("orchestrator/prepare.sh"),
    program("orchestrator/toolchain.sh"),
    program("orchestrator/fetch-secrets.sh"),
    program("orchestrator/git-credential.sh"),
    program("orchestrator/logged.sh"),
    Placed(source="orchestrator/packages.txt", path="/etc/cfs/packages.txt"),
    Placed(source="orchestrator/versions.env", path="/etc/cfs/versions.env"),
    Placed(source="orchestrator/agents.env", path="/etc/cfs/agents.env"),
    Placed(source="orchestrator/secrets.txt", path="/etc/cfs/secrets.txt"),
    Placed(source="orchestrator/cloudwatch-agent.json", path="/etc/cfs/cloudwatch-agent.json"),
    Placed(source="orchestrator/logrotate.conf", path="/etc/logrotate.d/cfs-agents"),
    unit("orchestrator/cfs-secrets.service"),
    unit("orchestrator/cfs-watchdog.service"),
    unit("orchestrator/cfs-watchdog.timer"),
    unit("orchestrator/cfs-supervisor.service"),
    unit("orchestrator/cfs-supervisor.timer"),
)
"""What is written to its disk."""


def user_data(machine: OrchestratorMachine) -> str:
    """Give the orchestrator's user data as EC2 takes it, in base64.

    Raises:
        BootError: A value cannot stand in a file that a shell reads, or all together is too long.
    """
    return userdata.encoded(cloud_config(machine))


def cloud_config(machine: OrchestratorMachine) -> str:
    """Give the orchestrator's cloud-config.

    Raises:
        BootError: A value cannot stand in a file that a shell reads.
    """
    variables = {
        "CFS_ENVIRONMENT": machine.environment,
        "CFS_LOG_GROUP": machine.log_group,
        "CFS_REPOSITORY": machine.repository,
        "AWS_REGION": machine.region,
        "AWS_DEFAULT_REGION": machine.region,
    }
    return userdata.cloud_config(FRAME, files=FILES, variables=variables)
