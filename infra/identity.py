"""The role of the orchestrator, with no more rights than its work needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import iam

from infra.component import Component
from infra.naming import IAM_ROLE, physical_name
from infra.tags import PROJECT

if TYPE_CHECKING:
    from infra.tags import Tags

SSM_MANAGED_INSTANCE = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
"""AWS's own policy for nodes that are reached through Session Manager instead of SSH."""


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What the role is made from.

    Attributes:
        artifact_bucket_arn: The bucket whose objects the orchestrator reads and writes.
        tags: The stack's tags.
    """

    artifact_bucket_arn: pulumi.Output[str]
    tags: Tags


class Identity(Component):
    """The orchestrator's role and instance profile.

    Attributes:
        orchestrator_role_arn: The role.
        orchestrator_profile: Name of the instance profile.
    """

    orchestrator_role_arn: pulumi.Output[str]
    orchestrator_profile: pulumi.Output[str]

    def __init__(self, name: str, *, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the role."""
        super().__init__(name, opts=opts)
        tags = args.tags.of("orchestrator", role="orchestrator")
        role_name = physical_name(IAM_ROLE, PROJECT, args.tags.environment, "orchestrator")
        role = iam.Role(
            "orchestrator",
            name=role_name,
            description="ClaudeFS's orchestrator: reads and writes build artifacts, reached by Session Manager",
            assume_role_policy=_ec2_trust(),
            tags=tags,
            opts=self.child(),
        )
        iam.RolePolicy(
            "orchestrator-artifacts",
            name="artifacts",
            role=role.name,
            policy=args.artifact_bucket_arn.apply(_read_and_write_objects),
            opts=self.child(),
        )
        iam.RolePolicyAttachment("orchestrator-ssm", role=role.name, policy_arn=SSM_MANAGED_INSTANCE, opts=self.child())
        profile = iam.InstanceProfile("orchestrator", name=role_name, role=role.name, tags=tags, opts=self.child())
        self.orchestrator_role_arn = role.arn
        self.orchestrator_profile = profile.name
        self.register_outputs({"orchestratorRoleArn": role.arn, "orchestratorProfile": self.orchestrator_profile})


def _ec2_trust() -> str:
    return _policy({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})


def _read_and_write_objects(bucket_arn: str) -> str:
    return _policy(
        {"Sid": "ListBucket", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket_arn},
        {
            "Sid": "ReadAndWriteObjects",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"{bucket_arn}/*",
        },
    )


def _policy(*statements: dict[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
