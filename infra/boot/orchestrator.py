"""The orchestrator's user data, assembled from the files in the folder `orchestrator`."""

from __future__ import annotations

from dataclasses import dataclass

from infra.boot import userdata
from infra.boot.userdata import BootFile, place_library, place_program, place_unit
from infra.naming import agents_mode_name


@dataclass(frozen=True, kw_only=True)
class OrchestratorMachine:
    """Facts of the stack that the booting orchestrator needs. None is secret.

    Attributes:
        environment: The stack's name.
        region: AWS region.
        log_group: Log group for the CloudWatch agent.
        repository: GitHub repository that the agents work on, as `owner/name`.
    """

    environment: str
    region: str
    log_group: str
    repository: str


ORCHESTRATOR_CLOUD_CONFIG = "orchestrator/cloud-config.yaml"

ORCHESTRATOR_FILES = (
    place_library("shared/boot.sh"),
    place_program("orchestrator/prepare.sh"),
    place_program("orchestrator/toolchain.sh"),
    place_program("orchestrator/fetch-secrets.sh"),
    place_program("orchestrator/git-credential.sh"),
    place_program("orchestrator/logged.sh"),
    place_program("orchestrator/agents-mode.sh"),
    place_program("orchestrator/report-supervision.sh"),
    BootFile(source="orchestrator/packages.txt", path="/etc/cfs/packages.txt"),
    BootFile(source="orchestrator/versions.env", path="/etc/cfs/versions.env"),
    BootFile(source="orchestrator/agents.env", path="/etc/cfs/agents.env"),
    BootFile(source="orchestrator/secrets.txt", path="/etc/cfs/secrets.txt"),
    BootFile(source="orchestrator/cloudwatch-agent.json", path="/etc/cfs/cloudwatch-agent.json"),
    BootFile(source="orchestrator/logrotate.conf", path="/etc/logrotate.d/cfs-agents"),
    place_unit("orchestrator/cfs-boot.service"),
    place_unit("orchestrator/cfs-secrets.service"),
    place_unit("orchestrator/cfs-watchdog.service"),
    place_unit("orchestrator/cfs-watchdog.timer"),
    place_unit("orchestrator/cfs-supervisor.service"),
    place_unit("orchestrator/cfs-supervisor.timer"),
    place_unit("orchestrator/cfs-agents-mode.service"),
    place_unit("orchestrator/cfs-agents-mode.timer"),
    place_unit("orchestrator/cfs-supervision.service"),
    place_unit("orchestrator/cfs-supervision.timer"),
)
"""Files on the orchestrator's disk."""


def orchestrator_user_data(machine: OrchestratorMachine) -> str:
    """Return the orchestrator's user data in base64.

    Raises:
        BootError: A value is not safe in a shell, or the user data is too long.
    """
    return userdata.encode_user_data(orchestrator_cloud_config(machine))


def orchestrator_cloud_config(machine: OrchestratorMachine) -> str:
    """Return the orchestrator's cloud-config.

    Raises:
        BootError: A value is not safe in a shell.
    """
    variables = {
        "CFS_ENVIRONMENT": machine.environment,
        "CFS_AGENTS_MODE_PARAMETER": agents_mode_name(machine.environment),
        "CFS_LOG_GROUP": machine.log_group,
        "CFS_REPOSITORY": machine.repository,
        "AWS_REGION": machine.region,
        "AWS_DEFAULT_REGION": machine.region,
        **userdata.AWS_CLI_VARIABLES,
    }
    return userdata.render_cloud_config(ORCHESTRATOR_CLOUD_CONFIG, files=ORCHESTRATOR_FILES, variables=variables)
