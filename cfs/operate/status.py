"""`cfs status`: an environment on one screen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.checkup.run_state import list_ringing_alarms
from cfs.cluster.auto_scaling_groups import discover_groups
from cfs.cluster.stop_times import next_stop_time
from cfs.deploy.artifact_store import find_artifact_store
from cfs.deploy.lease import read_deploy_record
from cfs.deploy.releases import read_current_release
from cfs.guard.guard_console import GuardConsole
from infra.naming import agents_mode_name
from infra.schedules.occurrences import next_scheduled_start
from infra.tags import PROJECT_NAME
from terminal.errors import UserError
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cfs.aws import AwsAccount
    from cfs.cluster.auto_scaling_groups import AutoScalingGroup
    from cfs.environments import StackEnvironment


@dataclass(frozen=True, kw_only=True)
class StatusPart:
    """One line of the status.

    Attributes:
        name: Name of the part.
        state: Its state, or why it cannot be read.
        is_known: Whether it could be read.
    """

    name: str
    state: str
    is_known: bool = True


def read_status(environment: StackEnvironment) -> CommandResult:
    """Read all parts at the same time; a part that cannot be read is a line."""
    aws = environment.connect_aws()
    readers: Mapping[str, Callable[[AwsAccount, str], str]] = {
        "orchestrator": orchestrator_text,
        "cluster": cluster_text,
        "release": release_text,
        "last deployment": deployment_text,
        "guard": guard_text,
        "agents": agents_text,
        "alarms": alarms_text,
        "lock": lambda _, __: lock_text(environment),
    }
    with ThreadPoolExecutor(max_workers=len(readers)) as pool:
        reading = [pool.submit(_read_part, name, read, aws, environment.name) for name, read in readers.items()]
        parts = [future.result() for future in reading]
    return CommandResult(
        table=ResultTable(
            title=f"{environment.name} at {aws.clock():%Y-%m-%d %H:%M} UTC",
            columns=("part", "state"),
            rows=[(part.name, part.state) for part in parts],
        ),
        figures={part.name: part.state if part.is_known else None for part in parts}
        | {"unknown": {part.name: part.state for part in parts if not part.is_known}},
    )


def orchestrator_text(aws: AwsAccount, environment: str) -> str:
    """Return the orchestrator's state."""
    listed = aws.list_items(
        "ec2",
        "describe_instances",
        "Reservations[].Instances[]",
        Filters=[
            {"Name": "tag:project", "Values": [PROJECT_NAME]},
            {"Name": "tag:Environment", "Values": [environment]},
            {"Name": "tag:Role", "Values": ["orchestrator"]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ],
    )
    machines = [f"{found['InstanceId']} {found['State']['Name']}, {found['InstanceType']}" for found in listed]
    return "; ".join(machines) or "none"


def cluster_text(aws: AwsAccount, environment: str) -> str:
    """Return the groups' running and wanted nodes, and the next start and stop."""
    return groups_text(discover_groups(aws, environment), aws.clock())


def groups_text(groups: Sequence[AutoScalingGroup], now: datetime) -> str:
    """Return the line of the node groups."""
    wanted = [group for group in groups if group.desired or group.members]
    nodes = ", ".join(f"{group.name} {group.in_service} of {group.desired}" for group in wanted) or "no nodes"
    starts = [at for group in groups if (at := next_scheduled_start(group.scheduled_actions, now)) is not None]
    stops = [at for group in wanted if (at := next_stop_time(group, now)) is not None]
    following = [f"next {name} {min(at):%a %d %b %H:%M %Z}" for name, at in (("stop", stops), ("start", starts)) if at]
    return "; ".join([nodes, *following])


def release_text(aws: AwsAccount, environment: str) -> str:
    """Return the release that booting nodes install, and the one before."""
    current = read_current_release(find_artifact_store(aws, environment), environment)
    before = f", before it {current.before.version}" if current.before else ""
    return f"{current.target.version}{before}" if current.target else "none"


def deployment_text(aws: AwsAccount, environment: str) -> str:
    """Return the last deployment of a release, and an unfinished one."""
    record, _ = read_deploy_record(find_artifact_store(aws, environment), environment)
    last = record.last
    ended = f"{last.kind} of {last.target.version}, {last.outcome} {last.ended:%Y-%m-%d %H:%M} UTC" if last else "none"
    going = record.roll_out
    return f"{ended}; unfinished: {going.kind} of {going.target.version}, {going.state}" if going else ended


def guard_text(aws: AwsAccount, environment: str) -> str:
    """Return what the cost guard has metered and done today."""
    view = GuardConsole(aws=aws, environment=environment).read_ledger()
    pause = view.pause
    paused = f"; paused until {pause.until:%Y-%m-%d %H:%M} UTC" if pause and pause.until > aws.clock() else ""
    if view.day is None:
        return f"has not run today{paused}"
    meter, told = view.day.meter, ", ".join(sorted(view.day.announced))
    return f"${meter.usd:.2f} today, ${meter.usd_per_hour:.2f} an hour; steps: {told or 'none'}{paused}"


def agents_text(aws: AwsAccount, environment: str) -> str:
    """Return the agents' mode."""
    name = agents_mode_name(environment)
    return str(aws.call_operation("ssm", "get_parameter", Name=name)["Parameter"]["Value"])


def alarms_text(aws: AwsAccount, environment: str) -> str:
    """Return the names of the alarms in state ALARM."""
    prefix = f"{PROJECT_NAME}-{environment}-"
    ringing = list_ringing_alarms(aws, prefix)
    return ", ".join(alarm["AlarmName"].removeprefix(prefix) for alarm in ringing) or "none"


def lock_text(environment: StackEnvironment) -> str:
    """Return the holders of the lock."""
    return "; ".join(str(lock.holder) for lock in environment.read_held_locks()) or "free"


def _read_part(name: str, read: Callable[[AwsAccount, str], str], aws: AwsAccount, environment: str) -> StatusPart:
    try:
        return StatusPart(name=name, state=read(aws, environment))
    except UserError as error:
        return StatusPart(name=name, state=f"unknown: {error.problem} Repair: {error.repair}", is_known=False)
