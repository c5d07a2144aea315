"""Checks whether groups, event rules and schedules are there and running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding
from infra.guard.grants import GUARD_TAG_PREFIX

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

CHECK = "schedules"
_GROUP_TYPE = "aws:autoscaling/group:Group"
_RULE_TYPE = "aws:cloudwatch/eventRule:EventRule"
_SCHEDULE_TYPE = "aws:scheduler/schedule:Schedule"


def examine_suspensions(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Examine the recorded node groups, event rules and schedules."""
    found = [*_examine_groups(facts), *_examine_rules(facts), *_examine_schedules(facts)]
    if not found and facts.stack.is_deployed:
        yield good_finding(CHECK, "No group, event rule or schedule is suspended.")
    yield from found


def judge_group(
    group: Mapping[str, Any], declared: Collection[str], *, environment: str, region_option: str
) -> Iterator[Finding]:
    """Judge an Auto Scaling group by its suspended processes.

    Args:
        group: The group as AWS describes it.
        declared: Processes that the stack suspends.
        environment: The environment's name.
        region_option: Option for the region.
    """
    processes = {process["ProcessName"] for process in group.get("SuspendedProcesses") or ()}
    suspended = sorted(processes - set(declared))
    if not suspended:
        return
    name = group["AutoScalingGroupName"]
    message = f"{name} has suspended {', '.join(suspended)}."
    if any(tag["Key"].startswith(GUARD_TAG_PREFIX) for tag in group.get("Tags") or ()):
        yield doubtful_finding(
            CHECK,
            f"{message} The cost guard did it, and restores it.",
            repair=f"cfs guard status --environment {environment}",
        )
    else:
        yield wrong_finding(
            CHECK,
            message,
            repair=f"aws autoscaling resume-processes --auto-scaling-group-name {name} "
            f"--scaling-processes {' '.join(suspended)} {region_option}",
        )


def _examine_groups(facts: EnvironmentFacts) -> Iterator[Finding]:
    recorded = {found["id"]: found["inputs"] for found in facts.stack.list_recorded(_GROUP_TYPE)}
    if not recorded:
        return
    groups = facts.aws.list_items(
        "autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", AutoScalingGroupNames=list(recorded)
    )
    by_name = {group["AutoScalingGroupName"]: group for group in groups}
    for name, inputs in recorded.items():
        if name in by_name:
            yield from judge_group(
                by_name[name],
                inputs.get("suspendedProcesses") or (),
                environment=facts.name,
                region_option=facts.region_option,
            )
        else:
            yield wrong_finding(CHECK, f"The group {name} is deleted.", repair=facts.environment.redeploy_command)


def _examine_rules(facts: EnvironmentFacts) -> Iterator[Finding]:
    # The ID in the state is BUS/NAME, or NAME on the default bus.
    names = {found["id"].rpartition("/")[2] for found in facts.stack.list_recorded(_RULE_TYPE)}
    if not names:
        return
    prefix = facts.scope.name_prefix
    states = {
        rule["Name"]: rule["State"] for rule in facts.aws.list_items("events", "list_rules", "Rules", NamePrefix=prefix)
    }
    for name in sorted(names):
        if name not in states:
            yield wrong_finding(CHECK, f"The event rule {name} is deleted.", repair=facts.environment.redeploy_command)
        elif states[name] == "DISABLED":
            yield wrong_finding(
                CHECK,
                f"The event rule {name} is disabled.",
                repair=f"aws events enable-rule --name {name} {facts.region_option}",
            )


def _examine_schedules(facts: EnvironmentFacts) -> Iterator[Finding]:
    declared = {found["id"].rpartition("/")[2]: found for found in facts.stack.list_recorded(_SCHEDULE_TYPE)}
    if not declared:
        return
    listed = facts.aws.list_items("scheduler", "list_schedules", "Schedules", NamePrefix=facts.scope.name_prefix)
    states = {schedule["Name"]: schedule["State"] for schedule in listed}
    for name in sorted(declared):
        if states.get(name) != "ENABLED":
            said = "disabled" if name in states else "deleted"
            yield wrong_finding(CHECK, f"The schedule {name} is {said}.", repair=facts.environment.redeploy_command)
