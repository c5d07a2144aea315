"""Whoever deploys may launch what is declared: EC2 checks each resource of a launch by the tags that it is to get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from infra.github.jobs_access import JOB_POLICIES
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import ACCOUNT_ID, REGION
from tests.unit.infra.test_components import stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.infra.conftest import Context, Resource

EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}"
PUBLIC = f"arn:aws:ec2:{REGION}:"
HERE = {"aws:RequestedRegion": REGION}
NO_TAGS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Launch:
    """A request to RunInstances.

    Attributes:
        name: Of the instance, or of the template that it is launched from.
        created: The tags that the request gives to each resource that it creates, by EC2's type.
        encrypted: Whether it encrypts the root volume.
        http_tokens: What the instance's metadata service asks for.
        template: Tags of the template that it names, if it names one.
    """

    name: str
    created: Mapping[str, Mapping[str, str]]
    encrypted: bool
    http_tokens: str
    template: Mapping[str, str] | None = None

    def checks(self) -> list[tuple[str, Context]]:
        """Return each resource that EC2 checks, with the keys that it checks it by."""
        created = [
            (f"{EC2}:instance/*", {**self._requested("instance"), "ec2:MetadataHttpTokens": self.http_tokens}),
            (f"{EC2}:volume/*", {**self._requested("volume"), "ec2:Encrypted": str(self.encrypted).lower()}),
            (f"{EC2}:network-interface/*", self._requested("network-interface")),
        ]
        used = [
            (f"{EC2}:subnet/subnet-1", borne_by(stack().of("Subnet")[0].tags)),
            (f"{EC2}:security-group/sg-1", borne_by(stack().of("aws:ec2/securityGroup:SecurityGroup")[0].tags)),
            (f"{PUBLIC}:image/ami-1", HERE),
            (f"{PUBLIC}:snapshot/snap-1", HERE),
        ]
        named = [(f"{EC2}:launch-template/lt-1", borne_by(self.template))] if self.template else []
        return [*created, *used, *named]

    def _requested(self, type_: str) -> Context:
        return {**HERE, **{f"aws:RequestTag/{key}": value for key, value in self.created[type_].items()}}


def borne_by(tags: Mapping[str, str]) -> Context:
    return {**HERE, **{f"aws:ResourceTag/{key}": value for key, value in tags.items()}}


def of_instance(instance: Resource) -> Launch:
    """Return the provider's request for a declared instance.

    It has no tags for the network interface, and those of `rootBlockDevice` come by a request of their own, afterwards.
    """
    return Launch(
        name=instance.name,
        created={
            "instance": instance.tags,
            "volume": instance.inputs.get("volumeTags", NO_TAGS),
            "network-interface": NO_TAGS,
        },
        encrypted=instance.inputs["rootBlockDevice"]["encrypted"],
        http_tokens=instance.inputs["metadataOptions"]["httpTokens"],
    )


def of_template(template: Resource) -> Launch:
    """Return the launch that Auto Scaling has EC2 check when somebody makes or changes a group with this template.

    It is one on demand, for a template that names no market:
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
    """
    assert "instanceMarketOptions" not in template.inputs
    [disk] = template.inputs["blockDeviceMappings"]
    tags = {each["resourceType"]: each["tags"] for each in template.inputs["tagSpecifications"]}
    assert tags.keys() <= {"instance", "volume", "network-interface"}, "a launch on demand refuses other types"
    return Launch(
        name=template.name,
        created={"instance": NO_TAGS, "volume": NO_TAGS, "network-interface": NO_TAGS, **tags},
        encrypted=disk["ebs"]["encrypted"] == "true",
        http_tokens=template.inputs["metadataOptions"]["httpTokens"],
        template=template.tags,
    )


def launches() -> list[Launch]:
    recorder = stack()
    return [*map(of_instance, recorder.of("Instance")), *map(of_template, recorder.of("LaunchTemplate"))]


def allows(action: str, resource: str, context: Context) -> bool:
    """Evaluate the policies of the role that deploys, as the stack declares them."""
    documents = [
        stack().one("aws:iam/policy:Policy", f"jobs-{policy}").inputs["policy"] for policy in JOB_POLICIES["deploy"]
    ]
    return any(policy_allows(document, action, resource, context) for document in documents)


def refused(launch: Launch) -> list[str]:
    """Return the resources for which the role may not launch so, and those that it may not tag so."""
    tagged = {
        f"{EC2}:{type_}/*": {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        for type_, tags in launch.created.items()
        if tags
    }
    launching = [resource for resource, keys in launch.checks() if not allows("ec2:RunInstances", resource, keys)]
    tagging = {"ec2:CreateAction": "RunInstances", **HERE}
    return launching + [
        f"tags of {resource}"
        for resource, requested in tagged.items()
        if not allows("ec2:CreateTags", resource, {**tagging, **requested})
    ]


def test_the_orchestrator_and_every_group_of_nodes_are_launched() -> None:
    groups = stack().of("aws:autoscaling/group:Group")

    assert {launch.name for launch in launches()} == {"orchestrator", *(group.name for group in groups)}
    assert len(launches()) == 1 + len(groups)


def test_whoever_deploys_may_launch_each_and_tag_all_that_it_creates() -> None:
    assert {launch.name: refused(launch) for launch in launches()} == {launch.name: [] for launch in launches()}


@pytest.mark.parametrize("type_", ["instance", "volume"])
def test_a_launch_is_refused_whose_instance_or_volume_gets_no_tags(type_: str) -> None:
    for launch in launches():
        untagged = replace(launch, created={**launch.created, type_: NO_TAGS})
        assert refused(untagged) == [f"{EC2}:{type_}/*"], launch.name


def test_a_volume_gets_the_tags_of_its_instance() -> None:
    assert all(launch.created["volume"] == launch.created["instance"] for launch in launches())
