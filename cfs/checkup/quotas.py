"""Checks whether the account's quotas allow what the settings declare."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.aws import AwsError
from cfs.doctor.findings import doubtful_finding, good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cfs.aws import AwsAccount
    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding
    from infra.config.node_groups import NodeGroup
    from infra.config.settings import Settings

UNRESERVED_EXECUTIONS = 100
"""Concurrent executions that Lambda keeps for functions without a reservation:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""

GUARD_EXECUTIONS = 1
"""Reserved concurrency of the cost guard (`infra/guard/function.py`)."""


@dataclass(frozen=True, kw_only=True)
class ServiceQuota:
    """A quota of the account in a region: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html.

    Attributes:
        check: Name of the check.
        service: Code of the service.
        code: Code of the quota.
        unit: What it counts.
    """

    check: str
    service: str
    code: str
    unit: str


ON_DEMAND_QUOTA = ServiceQuota(check="quota on demand", service="ec2", code="L-1216C47A", unit="vCPUs")
SPOT_QUOTA = ServiceQuota(check="quota spot", service="ec2", code="L-34B43A08", unit="vCPUs")
CONCURRENCY_QUOTA = ServiceQuota(
    check="quota Lambda", service="lambda", code="L-B99A9384", unit="concurrent executions"
)


@dataclass(frozen=True, kw_only=True)
class QuotaDemand:
    """What the settings need of a quota.

    Attributes:
        least: Demand with the smallest instance types of each group.
        most: Demand with the largest ones, and while nodes are being replaced.
    """

    least: int
    most: int


def examine_quotas(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Compare the quotas with the settings' demand."""
    vcpus = _read_vcpus(facts.aws, declared_types(facts.settings))
    demands = {
        ON_DEMAND_QUOTA: on_demand_vcpus(facts.settings, vcpus),
        SPOT_QUOTA: spot_vcpus(facts.settings.all_node_groups, vcpus),
        CONCURRENCY_QUOTA: QuotaDemand(
            least=UNRESERVED_EXECUTIONS + GUARD_EXECUTIONS, most=UNRESERVED_EXECUTIONS + GUARD_EXECUTIONS
        ),
    }
    for quota, demand in demands.items():
        yield judge_quota(quota, _read_quota(facts.aws, quota), demand, region=facts.aws.region)


def declared_types(settings: Settings) -> list[str]:
    """Return all instance types in the settings, sorted."""
    groups = {name for group in settings.all_node_groups for name in group.instance_types}
    return sorted(groups | {settings.orchestrator_instance_type})


def on_demand_vcpus(settings: Settings, vcpus: Mapping[str, int]) -> QuotaDemand:
    """Return the vCPUs of the orchestrator and of the groups' On-Demand nodes."""
    orchestrator = _standard_vcpus((settings.orchestrator_instance_type,), vcpus)
    nodes = _group_demand(settings.all_node_groups, vcpus, on_demand=True)
    return QuotaDemand(least=sum(orchestrator) + nodes.least, most=sum(orchestrator) + nodes.most)


def spot_vcpus(groups: Sequence[NodeGroup], vcpus: Mapping[str, int]) -> QuotaDemand:
    """Return the vCPUs of the groups' spot instances."""
    return _group_demand(groups, vcpus, on_demand=False)


def judge_quota(quota: ServiceQuota, value: float, demand: QuotaDemand, *, region: str) -> Finding:
    """Judge a quota's value."""
    needs = str(demand.least) if demand.least == demand.most else f"{demand.least} to {demand.most}"
    said = f"{value:g} {quota.unit}; the settings need {needs}."
    if value >= demand.most:
        return good_finding(quota.check, said)
    wanted = 1 << demand.most.bit_length()
    repair = (
        f"aws service-quotas request-service-quota-increase --service-code {quota.service} "
        f"--quota-code {quota.code} --desired-value {wanted} --region {region}"
    )
    judge = wrong_finding if value < demand.least else doubtful_finding
    return judge(quota.check, said, repair=repair)


def is_standard_type(instance_type: str) -> bool:
    """Return whether the Standard quotas count an instance type; others such as g5, p4d and inf2 have their own."""
    family = re.match(r"[a-z]+", instance_type.partition(".")[0])
    name = family[0] if family else ""
    return name[:1] in "acdhimrtz" and not name.startswith(("dl", "hpc", "inf", "mac", "trn"))


def _group_demand(groups: Sequence[NodeGroup], vcpus: Mapping[str, int], *, on_demand: bool) -> QuotaDemand:
    least = most = 0
    for group in groups:
        sizes = _standard_vcpus(group.instance_types, vcpus)
        least += _node_count(group, group.count, on_demand=on_demand) * min(sizes, default=0)
        most += _node_count(group, group.max_nodes, on_demand=on_demand) * max(sizes, default=0)
    return QuotaDemand(least=least, most=most)


def _node_count(group: NodeGroup, nodes: int, *, on_demand: bool) -> int:
    """Return how many of a group's nodes are On-Demand, or how many are spot instances."""
    base = min(group.on_demand_base, nodes)
    above = -(-(nodes - base) * group.on_demand_percent // 100)
    return base + above if on_demand else nodes - base - above


def _standard_vcpus(types: Sequence[str], vcpus: Mapping[str, int]) -> list[int]:
    return [vcpus[name] for name in types if name in vcpus and is_standard_type(name)]


def _read_vcpus(aws: AwsAccount, types: Sequence[str]) -> dict[str, int]:
    # A filter instead of InstanceTypes: EC2 refuses the whole request if the region lacks one of those.
    listed = aws.list_items(
        "ec2", "describe_instance_types", "InstanceTypes", Filters=[{"Name": "instance-type", "Values": list(types)}]
    )
    return {found["InstanceType"]: found["VCpuInfo"]["DefaultVCpus"] for found in listed}


def _read_quota(aws: AwsAccount, quota: ServiceQuota) -> float:
    named = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    try:
        answer = aws.call_operation("service-quotas", "get_service_quota", **named)
    except AwsError as error:
        if error.code != "NoSuchResourceException":
            raise
        # A quota that was never changed or used may have only a default.
        answer = aws.call_operation("service-quotas", "get_aws_default_service_quota", **named)
    return float(answer["Quota"]["Value"])
