"""Calls that the roles of an environment must not make: on another environment of the account, or on any.

Each is tried with real credentials, and must fail with a denial: any other error proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from infra.access.boundary import boundary_policy_arn
from infra.access.identity import SSM_MANAGED_INSTANCE
from infra.access.role_purposes import PASSED_ROLES
from infra.cluster.interruptions import LAUNCH_FAILURE_RULE
from infra.naming import EVENT_RULE, document_name, physical_name
from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from measure.rehearsal.environment_targets import EnvironmentTarget

AttackCall: TypeAlias = Callable[[Callable[[str], Any], "EnvironmentTarget", "EnvironmentTarget"], object]
"""Makes a call, given a role's clients, its own environment, and the attacked environment."""

ADMINISTRATOR_ACCESS = "arn:aws:iam::aws:policy/AdministratorAccess"
_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_ANYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
    }
)


@dataclass(frozen=True, kw_only=True)
class Attack:
    """A call that a role must not make.

    Attributes:
        name: The effect of the call.
        role: The purpose of the attacking role.
        call: The call.
    """

    name: str
    role: str
    call: AttackCall


@dataclass(frozen=True, kw_only=True)
class TokenClaim:
    """A GitHub Actions job that tries to assume a role that it must not get.

    Attributes:
        name: A description of the job.
        role: The purpose of the role.
        job: The claims in which its token differs from that of a push to the default branch.
    """

    name: str
    role: str
    job: Mapping[str, str]


def _launch_failure_rule(target: EnvironmentTarget) -> str:
    return physical_name(EVENT_RULE, PROJECT_NAME, target.environment, LAUNCH_FAILURE_RULE)


def _attack(role: str, name: str, call: AttackCall) -> Attack:
    return Attack(name=name, role=role, call=call)


def _trust_anybody(purpose: str) -> Attack:
    return _attack(
        "deploy",
        f"let anybody assume the role {purpose}",
        lambda c, _, t: c("iam").update_assume_role_policy(RoleName=t.name(purpose), PolicyDocument=_ANYBODY),
    )


def _move_node(role: str) -> Attack:
    tags = [{"Key": "Environment", "Value": "other"}]
    return _attack(
        role,
        "move a node to another environment",
        lambda c, _, t: c("ec2").create_tags(Resources=[t.node], Tags=tags),
    )


REACHES = (
    _attack("node", "read a secret of nodes", lambda c, _, t: c("secretsmanager").get_secret_value(SecretId=t.secret)),
    _attack("node", "read a release", lambda c, _, t: c("s3").get_object(**t.release)),
    _attack("node", "list releases", lambda c, _, t: c("s3").list_objects_v2(Bucket=t.artifacts)),
    _attack(
        "node",
        "write logs",
        lambda c, _, t: c("logs").create_log_stream(logGroupName=t.node_logs, logStreamName="attacked"),
    ),
    _attack(
        "orchestrator",
        "read a secret of nodes",
        lambda c, _, t: c("secretsmanager").get_secret_value(SecretId=t.secret),
    ),
    _attack("orchestrator", "replace a release", lambda c, _, t: c("s3").put_object(**t.release, Body=b"bad")),
    _attack(
        "orchestrator",
        "publish an alert",
        lambda c, _, t: c("sns").publish(TopicArn=t.scope.alert_topic_arn, Message="attacked"),
    ),
    _attack(
        "orchestrator",
        "resize a group",
        lambda c, _, t: c("autoscaling").set_desired_capacity(AutoScalingGroupName=t.group, DesiredCapacity=1),
    ),
    _attack(
        "orchestrator",
        "launch with the role of nodes",
        lambda c, own, t: c("ec2").run_instances(
            MinCount=1,
            MaxCount=1,
            LaunchTemplate={"LaunchTemplateName": own.group},
            # The template already names the role's own profile.
            **({} if t is own else {"IamInstanceProfile": {"Name": t.name("node")}}),
        ),
    ),
    _attack("preview", "read the state", lambda c, _, t: c("s3").get_object(**t.state)),
    _attack("preview", "decrypt the state's secrets", lambda c, _, t: c("kms").decrypt(CiphertextBlob=t.ciphertext)),
    _attack("preview", "read a role", lambda c, _, t: c("iam").get_role(RoleName=t.name("deploy"))),
    _attack("deploy", "read the state", lambda c, _, t: c("s3").get_object(**t.state)),
    _attack("deploy", "replace the state", lambda c, _, t: c("s3").put_object(**t.state, Body=b"{}")),
    _attack("deploy", "remove a lock", lambda c, _, t: c("s3").delete_object(**t.lock)),
    _attack("deploy", "decrypt the state's secrets", lambda c, _, t: c("kms").decrypt(CiphertextBlob=t.ciphertext)),
    _attack(
        "deploy",
        "publish a release",
        lambda c, _, t: c("s3").put_object(Bucket=t.artifacts, Key="releases/new", Body=b"bad", IfNoneMatch="*"),
    ),
    _attack(
        "deploy",
        "change a bucket",
        lambda c, _, t: c("s3").put_bucket_versioning(
            Bucket=t.artifacts, VersioningConfiguration={"Status": "Enabled"}
        ),
    ),
    _attack(
        "deploy",
        "run a command on a node",
        lambda c, own, t: c("ssm").send_command(
            InstanceIds=[t.node],
            DocumentName=document_name(own.environment, "drain"),
            Parameters={"Reason": ["attacked"]},
        ),
    ),
    _attack(
        "deploy",
        "write a role's policy",
        lambda c, _, t: c("iam").put_role_policy(
            RoleName=t.name("node"), PolicyName="attacked", PolicyDocument=_EVERYTHING
        ),
    ),
    _attack(
        "deploy",
        "attach a policy to a role",
        lambda c, _, t: c("iam").attach_role_policy(RoleName=t.name("node"), PolicyArn=SSM_MANAGED_INSTANCE),
    ),
    _attack(
        "deploy",
        "detach a policy from a role",
        lambda c, _, t: c("iam").detach_role_policy(RoleName=t.name("node"), PolicyArn=SSM_MANAGED_INSTANCE),
    ),
    _attack(
        "deploy",
        "keep logs for a day",
        lambda c, _, t: c("logs").put_retention_policy(logGroupName=t.node_logs, retentionInDays=1),
    ),
    _attack(
        "deploy",
        "change the alerts' topic",
        lambda c, _, t: c("sns").set_topic_attributes(
            TopicArn=t.scope.alert_topic_arn, AttributeName="DisplayName", AttributeValue="attacked"
        ),
    ),
    _attack(
        "deploy",
        "change a group's hours",
        lambda c, _, t: c("autoscaling").put_scheduled_update_group_action(
            AutoScalingGroupName=t.group, ScheduledActionName="attacked", Recurrence="0 0 * * *", DesiredCapacity=0
        ),
    ),
    _attack(
        "deploy",
        "hand a role to a rule",
        lambda c, own, t: c("events").put_targets(
            Rule=_launch_failure_rule(own),
            Targets=[
                {"Id": "attacked", "Arn": own.scope.alert_topic_arn, "RoleArn": t.scope.role_arn("events")},
            ],
        ),
    ),
    _attack(
        "deploy",
        "switch a rule off",
        lambda c, _, t: c("events").remove_targets(Rule=_launch_failure_rule(t), Ids=["attacked"]),
    ),
    _attack(
        "deploy",
        "delete a document",
        lambda c, _, t: c("ssm").delete_document(Name=document_name(t.environment, "probe")),
    ),
    _attack("orchestrator", "stop a node", lambda c, _, t: c("ec2").stop_instances(InstanceIds=[t.node])),
    _attack(
        "deploy",
        "delete a group",
        lambda c, _, t: c("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=t.group, ForceDelete=True),
    ),
    _attack(
        "deploy",
        "terminate the orchestrator",
        lambda c, _, t: c("ec2").terminate_instances(InstanceIds=[t.orchestrator]),
    ),
    _attack("deploy", "delete logs", lambda c, _, t: c("logs").delete_log_group(logGroupName=t.node_logs)),
)
"""Attacks that are denied on another environment and allowed on the role's own; destructive ones are last."""

FORBIDDEN = (
    _attack("node", "replace a release", lambda c, _, t: c("s3").put_object(**t.release, Body=b"bad")),
    _attack("node", "terminate a node", lambda c, _, t: c("ec2").terminate_instances(InstanceIds=[t.node])),
    *(_move_node(role) for role in ("node", "orchestrator", "deploy")),
    _attack("orchestrator", "read the state", lambda c, _, t: c("s3").get_object(**t.state)),
    _attack(
        "orchestrator",
        "terminate the orchestrator",
        lambda c, _, t: c("ec2").terminate_instances(InstanceIds=[t.orchestrator]),
    ),
    _attack(
        "orchestrator", "decrypt the state's secrets", lambda c, _, t: c("kms").decrypt(CiphertextBlob=t.ciphertext)
    ),
    _attack("preview", "replace the state", lambda c, _, t: c("s3").put_object(**t.state, Body=b"{}")),
    _attack("preview", "remove a lock", lambda c, _, t: c("s3").delete_object(**t.lock)),
    _attack("preview", "replace a release", lambda c, _, t: c("s3").put_object(**t.release, Body=b"bad")),
    _attack("preview", "terminate a node", lambda c, _, t: c("ec2").terminate_instances(InstanceIds=[t.node])),
    _attack(
        "preview",
        "write a role's policy",
        lambda c, _, t: c("iam").put_role_policy(
            RoleName=t.name("node"), PolicyName="attacked", PolicyDocument=_EVERYTHING
        ),
    ),
    _attack(
        "preview",
        "run a command on a node",
        lambda c, _, t: c("ssm").send_command(
            InstanceIds=[t.node],
            DocumentName=document_name(t.environment, "drain"),
            Parameters={"Reason": ["attacked"]},
        ),
    ),
    _attack("deploy", "replace a release", lambda c, _, t: c("s3").put_object(**t.release, Body=b"bad")),
    _attack(
        "deploy", "read a secret of nodes", lambda c, _, t: c("secretsmanager").get_secret_value(SecretId=t.secret)
    ),
    _attack(
        "deploy",
        "read a parameter",
        lambda c, _, t: c("ssm").get_parameter(Name=f"/{PROJECT_NAME}/{t.environment}/attacked"),
    ),
    _attack(
        "deploy",
        "lend the key",
        lambda c, _, t: c("kms").create_grant(
            KeyId=t.scope.key_arn, GranteePrincipal=t.scope.role_arn("deploy"), Operations=["Decrypt"]
        ),
    ),
    _attack(
        "deploy",
        "run any document on a node",
        lambda c, _, t: c("ssm").send_command(
            InstanceIds=[t.node], DocumentName="AWS-RunShellScript", Parameters={"commands": ["id"]}
        ),
    ),
    *(_trust_anybody(purpose) for purpose in (*PASSED_ROLES, "preview", "deploy")),
    _attack(
        "deploy",
        "write its own policy",
        lambda c, _, t: c("iam").put_role_policy(
            RoleName=t.name("deploy"), PolicyName="attacked", PolicyDocument=_EVERYTHING
        ),
    ),
    _attack(
        "deploy",
        "let the nodes do everything",
        lambda c, _, t: c("iam").attach_role_policy(RoleName=t.name("node"), PolicyArn=ADMINISTRATOR_ACCESS),
    ),
    _attack(
        "deploy",
        "make a role without a boundary",
        lambda c, _, t: c("iam").create_role(RoleName=t.name("events"), AssumeRolePolicyDocument=_ANYBODY),
    ),
    _attack(
        "deploy",
        "make a role of another name",
        lambda c, _, t: c("iam").create_role(
            RoleName=t.name("attacked"),
            AssumeRolePolicyDocument=_ANYBODY,
            PermissionsBoundary=boundary_policy_arn(t.scope),
        ),
    ),
    _attack(
        "deploy",
        "take a role's boundary away",
        lambda c, _, t: c("iam").delete_role_permissions_boundary(RoleName=t.name("node")),
    ),
    _attack(
        "deploy",
        "widen a role's boundary",
        lambda c, _, t: c("iam").put_role_permissions_boundary(
            RoleName=t.name("node"), PermissionsBoundary=ADMINISTRATOR_ACCESS
        ),
    ),
    _attack(
        "deploy",
        "widen the boundary",
        lambda c, _, t: c("iam").create_policy_version(
            PolicyArn=boundary_policy_arn(t.scope), PolicyDocument=_EVERYTHING, SetAsDefault=True
        ),
    ),
    _attack(
        "deploy",
        "delete the boundary",
        lambda c, _, t: c("iam").delete_policy(PolicyArn=boundary_policy_arn(t.scope)),
    ),
    _attack(
        "deploy",
        "give machines the role of deployments",
        lambda c, own, t: c("iam").add_role_to_instance_profile(
            InstanceProfileName=own.name("node"), RoleName=t.name("deploy")
        ),
    ),
    _attack(
        "deploy",
        "make itself a user",
        lambda c, _, t: c("iam").create_user(UserName=t.name("attacked")),
    ),
)
"""Attacks that are denied on every environment, including the role's own."""


def token_claims(own: str, other: str, *, repository: str) -> tuple[TokenClaim, ...]:
    """Return the jobs that must not get a role of an environment.

    Args:
        own: The GitHub environment for its deployments.
        other: The GitHub environment of another stack.
        repository: The repository, OWNER/NAME.
    """
    pull_request = {"event_name": "pull_request", "ref": "refs/pull/1/merge"}
    elsewhere = f"{repository}-fork"
    jobs: Mapping[str, Mapping[str, str]] = {
        "a job without an environment": {},
        "a job of a pull request": pull_request,
        "a preview": {**pull_request, "environment": f"{own}-preview"},
        "a deployment of another environment": {"environment": other},
        "a deployment of another repository": {"environment": own, "repository": elsewhere},
        "an environment whose name begins alike": {"environment": f"{own}-2"},
    }
    return (
        *(TokenClaim(name=name, role="deploy", job=job) for name, job in jobs.items()),
        TokenClaim(name="a deployment", role="preview", job={"environment": own}),
        TokenClaim(name="a job of a pull request", role="preview", job=pull_request),
        TokenClaim(
            name="a preview of another repository",
            role="preview",
            job={**pull_request, "environment": f"{own}-preview", "repository": elsewhere},
        ),
    )
