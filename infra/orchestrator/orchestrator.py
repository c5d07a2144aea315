"""The orchestrator, the machine that runs the agents which write ClaudeFS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import ec2, ssm

from infra.boot import orchestrator
from infra.component import Component
from infra.log_group import declare_event_count, declare_log_group

if TYPE_CHECKING:
    from infra.network.node_network import NodeNetwork
    from infra.stack_context import SecuredStack

CREATION_ONLY_PROPERTIES = ["ami", "userData", "userDataBase64"]
"""Properties that are set only on creation. A newer image would replace a machine that holds work. User data runs only
on an instance's first boot, so changing it would stop and start the machine without any other effect. A replacement
instance gets both. An instance that is adopted after an interrupted run reports its user data as a hash in `userData`,
which must not be treated as user data to remove."""

AGENT_ERRORS = '?panicked ?"Push failed" ?"manual review" ?"OpenCode execution failed"'
"""Filter pattern of lines with which ClaudeFS's programs report that a person is needed, and of Rust's panics."""


@dataclass(frozen=True, kw_only=True)
class OrchestratorArgs:
    """Inputs of the orchestrator.

    Attributes:
        stack: The stack.
        network: Network of the machine, which runs in the first subnet of site A.
        instance_type: EC2 instance type.
        disk_gib: Size of the root volume, in GiB.
        image_parameter: Public SSM parameter that names the AMI.
        instance_profile: Instance profile of the machine.
        repository: GitHub repository that the agents work on, as `owner/name`.
        protected: Whether Pulumi refuses to delete or replace the instance, and EC2 refuses to terminate it.
    """

    stack: SecuredStack
    network: NodeNetwork
    instance_type: str
    disk_gib: int
    image_parameter: str
    instance_profile: pulumi.Output[str]
    repository: str
    protected: bool


class Orchestrator(Component):
    """The orchestrator's instance: On-Demand, with an encrypted disk, IMDSv2 only, and no SSH.

    Attributes:
        instance_id: ID of the EC2 instance.
        private_ip: IP address in the VPC.
        public_ip: Public IP address, or "".
        image_id: ID of the AMI that the instance was created from.
        log_group: Name of the log group for the machine's logs.
    """

    instance_id: pulumi.Output[str]
    private_ip: pulumi.Output[str]
    public_ip: pulumi.Output[str]
    image_id: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, *, args: OrchestratorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the instance and its log group."""
        super().__init__(name, opts=opts)
        logs = declare_log_group(self, name, stack=args.stack, purpose="orchestrator", tag="orchestrator-logs")
        declare_event_count(self, "AgentErrors", stack=args.stack, logs=logs, pattern=AGENT_ERRORS)
        instance = self._declare_instance(name, args=args, log_group=logs.name)
        self.instance_id = instance.id
        self.private_ip = instance.private_ip
        self.public_ip = instance.public_ip
        self.image_id = instance.ami
        self.log_group = logs.name
        self.register_declared_outputs()

    def _declare_instance(self, name: str, *, args: OrchestratorArgs, log_group: pulumi.Output[str]) -> ec2.Instance:
        tags = args.stack.tags.for_resource("orchestrator", role="orchestrator")
        image = ssm.get_parameter_output(name=args.image_parameter, opts=pulumi.InvokeOutputOptions(parent=self))
        user_data = log_group.apply(
            lambda group: orchestrator.orchestrator_user_data(
                orchestrator.OrchestratorMachine(
                    environment=args.stack.environment,
                    region=args.stack.region,
                    log_group=group,
                    repository=args.repository,
                )
            )
        )
        return ec2.Instance(
            name,
            ami=image.insecure_value,
            instance_type=args.instance_type,
            subnet_id=args.network.subnet_ids["A"][0],
            vpc_security_group_ids=[args.network.security_group_ids["orchestrator"]],
            iam_instance_profile=args.instance_profile,
            associate_public_ip_address=args.network.assigns_public_ips,
            disable_api_termination=args.protected,
            # EC2's free metrics have a period of 5 minutes, and the CloudWatch agent adds memory and disk. Detailed
            # monitoring would cost $2.10 a month for the same seven metrics every minute.
            monitoring=False,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": args.disk_gib,
                "encrypted": True,
                "kms_key_id": args.stack.key_arn,
            },
            # These are part of the RunInstances request, which jobs on GitHub may send only with tags for the volume.
            # The provider sets the tags of `root_block_device` in a second request.
            volume_tags=tags,
            user_data_base64=user_data,
            user_data_replace_on_change=False,
            tags=tags,
            opts=self.child_options(
                protect=args.protected, ignore_changes=CREATION_ONLY_PROPERTIES, depends_on=args.network.way_out
            ),
        )
