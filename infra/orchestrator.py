"""The one machine that is always on: it runs the agents that write ClaudeFS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ec2, ssm

from infra.component import Component

if TYPE_CHECKING:
    from infra.tags import Tags


@dataclass(frozen=True, kw_only=True)
class OrchestratorArgs:
    """What the orchestrator is made from.

    Attributes:
        instance_type: Its EC2 instance type.
        disk_gib: Size of its root volume, in GiB.
        image_parameter: Public SSM parameter that names the AMI.
        subnet_id: Where it runs.
        security_group_id: What it may send and receive.
        instance_profile: Its identity.
        protected: Whether Pulumi refuses to delete or replace it, and EC2 to terminate it.
        tags: The stack's tags.
    """

    instance_type: str
    disk_gib: int
    image_parameter: str
    subnet_id: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    instance_profile: pulumi.Output[str]
    protected: bool
    tags: Tags


class Orchestrator(Component):
    """The orchestrator's instance: on demand, encrypted disk, IMDSv2 only, no SSH.

    Attributes:
        instance_id: The EC2 instance.
        private_ip: Its address inside the VPC.
    """

    instance_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]

    def __init__(self, name: str, *, args: OrchestratorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the instance."""
        super().__init__(name, opts=opts)
        tags = args.tags.of("orchestrator", role="orchestrator")
        image = ssm.get_parameter_output(name=args.image_parameter, opts=pulumi.InvokeOutputOptions(parent=self))
        instance = ec2.Instance(
            name,
            ami=image.insecure_value,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=[args.security_group_id],
            iam_instance_profile=args.instance_profile,
            # The subnet's only way out is the internet gateway, which wants a public address; nothing comes in.
            associate_public_ip_address=True,
            disable_api_termination=args.protected,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": args.disk_gib,
                "encrypted": True,
                "tags": tags,
            },
            tags=tags,
            # A newer image must not replace a machine that has work on it.
            opts=self.child(protect=args.protected, ignore_changes=["ami"]),
        )
        self.instance_id = instance.id
        self.private_ip = instance.private_ip
        self.register_outputs({"instanceId": self.instance_id, "privateIp": self.private_ip})
