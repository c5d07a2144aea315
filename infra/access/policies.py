"""IAM statements as frozen values, built by verbs that each grant one narrow thing.

A statement that would grant a whole service, or an action on everything although AWS can limit it, cannot be
constructed. Names of actions, resource types and condition keys are those of the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra.tags import PROJECT_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.scope import Scope

EVERYTHING = "*"

ACTIONS_WITHOUT_RESOURCE_LEVEL = frozenset(
    {
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:DescribeLifecycleHooks",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeScheduledActions",
        "ce:GetCostAndUsage",
        "cloudwatch:GetMetricData",
        "cloudwatch:GetMetricStatistics",
        "cloudwatch:PutMetricData",
        "ec2:DescribeAddresses",
        "ec2:DescribeAddressesAttribute",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeImages",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeInstances",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeKeyPairs",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeNatGateways",
        "ec2:DescribeNetworkAcls",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribePrefixLists",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSpotInstanceRequests",
        "ec2:DescribeSpotPriceHistory",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVolumes",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
        "events:ListRules",
        "iam:ListInstanceProfiles",
        "iam:ListOpenIDConnectProviders",
        "iam:ListPolicies",
        "iam:ListRoles",
        "kms:CreateKey",
        "kms:ListAliases",
        "kms:ListKeys",
        "logs:DeleteResourcePolicy",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:PutResourcePolicy",
        "s3:ListAllMyBuckets",
        "scheduler:ListScheduleGroups",
        "sns:ListTopics",
        "ssm:DescribeInstanceInformation",
        "ssm:GetCommandInvocation",
        "ssm:ListCommandInvocations",
        "ssm:ListCommands",
        "ssm:ListDocuments",
    }
)
"""Actions of this project that cannot be limited to resources; for these alone the resource may be `*`.

`ce:GetCostAndUsage` knows one resource type, a billing view; the account's own costs are asked for without one.
"""

ConditionOperator = Literal[
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "ArnLike",
    "Bool",
    "Null",
    "ForAllValues:StringEquals",
]


class PolicyError(ValueError):
    """A statement grants more than it can say; the message names the statement and what is too wide."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A test that a request must pass.

    Attributes:
        operator: How the values are compared.
        key: The condition key.
        values: What is allowed; any one of them.
    """

    operator: ConditionOperator
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who a resource's own policy speaks of.

    Attributes:
        kind: `Service` for an AWS service, `AWS` for an account, `Federated` for an identity provider.
        value: The service's principal, such as `ec2.amazonaws.com`, or an ARN.
    """

    kind: Literal["Service", "AWS", "Federated"]
    value: str


@dataclass(frozen=True, kw_only=True)
class ServiceLinkedRoles:
    """Roles that AWS makes for its services when the account first uses them, as whom the policy of a key speaks of.

    KMS refuses a policy that names a role which does not exist yet, so a fresh account could not make the key. The
    statement therefore names everybody, and its conditions let in callers of this account that are one of these roles
    and nobody else: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-caller-account

    Attributes:
        account_id: The AWS account.
        names: The roles by the service principals that assume them.

    Raises:
        PolicyError: None is named, or one by a pattern.
    """

    account_id: str
    names: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse what would let others in."""
        if not self.names or not all(
            re.fullmatch(r"[A-Za-z0-9.]+", part) for part in (*self.names, *self.names.values())
        ):
            raise PolicyError(f"service-linked roles {dict(self.names)!r}: each must be a service and a role by name")
        if not re.fullmatch(r"[A-Za-z0-9]+", self.account_id):
            raise PolicyError(f"service-linked roles: {self.account_id!r} is no account")

    @property
    def principal_conditions(self) -> tuple[Condition, ...]:
        """What only they fulfill."""
        arns = (
            f"arn:aws:iam::{self.account_id}:role/aws-service-role/{service}/{name}"
            for service, name in self.names.items()
        )
        return (string_equals("kms:CallerAccount", self.account_id), string_equals("aws:PrincipalArn", *arns))


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One thing that is allowed; there are no other statements.

    Attributes:
        sid: What is allowed, in CamelCase.
        actions: The actions, each in full: wildcards are refused.
        resources: ARNs or patterns of ARNs. None in a role's trust policy, which is its own resource. `*` only for
            actions that cannot be limited, and in a KMS key's policy, where it means that key.
        conditions: Tests that a request must all pass.
        principal: Who is allowed, in the policy of a resource; None in the policy of a role.
        is_ceiling: Whether it stands in a permissions boundary, which grants nothing and may name everything.

    Raises:
        PolicyError: The statement is wider than an action or a resource needs.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    principal: Principal | ServiceLinkedRoles | None = None
    is_ceiling: bool = False

    def __post_init__(self) -> None:
        """Refuse what is too wide."""
        if not (self.sid.isascii() and self.sid.isalnum()):
            raise PolicyError(f"statement {self.sid!r}: the Sid must be letters and digits")
        if not self.actions or not (self.resources or self.principal):
            raise PolicyError(f"statement {self.sid}: needs actions, and resources or a principal")
        for action in self.actions:
            service, colon, name = action.partition(":")
            if not (service and colon and name) or EVERYTHING in action or "?" in action:
                raise PolicyError(f"statement {self.sid}: action {action!r} must be one action in full, service:Action")
        tests = [(condition.operator, condition.key) for condition in self._all_conditions()]
        for operator, key in tests:
            if tests.count((operator, key)) > 1:
                raise PolicyError(f"statement {self.sid}: {key} is tested twice")
        if isinstance(self.principal, Principal) and EVERYTHING in self.principal.value:
            raise PolicyError(f"statement {self.sid}: principal {self.principal.value!r} lets others in")
        wide = [resource for resource in self.resources if not resource.startswith("arn:")]
        if wide and not self._may_name_everything():
            raise PolicyError(
                f"statement {self.sid}: resource {wide[0]!r}, though {', '.join(self.actions)} can be limited to ARNs"
            )

        if isinstance(self.principal, ServiceLinkedRoles) and self.resources != (EVERYTHING,):
            raise PolicyError(f"statement {self.sid}: only the policy of a KMS key speaks of service-linked roles")

    def _all_conditions(self) -> tuple[Condition, ...]:
        """Return all conditions, those that make up the principal too."""
        return (
            *self.conditions,
            *(self.principal.principal_conditions if isinstance(self.principal, ServiceLinkedRoles) else ()),
        )

    def _may_name_everything(self) -> bool:
        if self.resources != (EVERYTHING,):
            return False
        if self.is_ceiling:
            return True
        if self.principal:
            return all(action.startswith("kms:") for action in self.actions)
        return ACTIONS_WITHOUT_RESOURCE_LEVEL.issuperset(self.actions)

    def to_json(self) -> dict[str, object]:
        """Return the statement as IAM reads it."""
        conditions: dict[str, dict[str, object]] = {}
        for condition in self._all_conditions():
            conditions.setdefault(condition.operator, {})[condition.key] = _one_or_list(condition.values)
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            **({"Principal": _principal_json(self.principal)} if self.principal else {}),
            "Action": _one_or_list(self.actions),
            **({"Resource": _one_or_list(self.resources)} if self.resources else {}),
            **({"Condition": conditions} if conditions else {}),
        }


def _principal_json(principal: Principal | ServiceLinkedRoles) -> dict[str, str]:
    if isinstance(principal, ServiceLinkedRoles):
        return {"AWS": EVERYTHING}
    return {principal.kind: principal.value}


def render_policy(*statements: Statement) -> str:
    """Return a policy document, without the white space that would count towards IAM's limits.

    Raises:
        PolicyError: Two statements have one Sid, or there are none.
    """
    sids = [statement.sid for statement in statements]
    if not sids or len(set(sids)) != len(sids):
        raise PolicyError(f"a policy needs statements with different Sids, not {sids}")
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [statement.to_json() for statement in statements]},
        separators=(",", ":"),
    )


def _one_or_list(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def string_equals(key: str, *values: str) -> Condition:
    """Allow requests whose `key` is one of `values`."""
    return Condition(operator="StringEquals", key=key, values=values)


def trust_service(service: str, *conditions: Condition) -> Statement:
    """Let one AWS service assume the role, where it acts for what the conditions say."""
    return Statement(
        sid="ServiceMayAssume",
        actions=("sts:AssumeRole",),
        conditions=conditions,
        principal=Principal(kind="Service", value=service),
    )


def source_conditions(account_id: str, pattern: str) -> tuple[Condition, Condition]:
    """Ask that a service acts for resources of this account whose ARNs match a pattern, and for nobody else's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return (
        string_equals("aws:SourceAccount", account_id),
        Condition(operator="ArnLike", key="aws:SourceArn", values=(pattern,)),
    )


def trust_jobs(provider_arn: str, subjects: Sequence[str], *, patterns: Sequence[str] = ()) -> tuple[Statement, ...]:
    """Let jobs on GitHub assume the role whose token is meant for AWS and has one of some subjects.

    https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws

    Args:
        provider_arn: AWS's record of GitHub as an identity provider.
        subjects: Subjects, word for word.
        patterns: Patterns of further subjects, for what does no harm.
    """
    provider = provider_arn.partition("/")[2]
    audience, key = string_equals(f"{provider}:aud", "sts.amazonaws.com"), f"{provider}:sub"
    tests = [string_equals(key, *subjects)]
    if patterns:
        tests.append(Condition(operator="StringLike", key=key, values=tuple(patterns)))
    return tuple(
        Statement(
            sid=f"JobsMayAssume{number}",
            actions=("sts:AssumeRoleWithWebIdentity",),
            conditions=(audience, test),
            principal=Principal(kind="Federated", value=provider_arn),
        )
        for number, test in enumerate(tests, start=1)
    )


def requested_tag_conditions(scope: Scope) -> tuple[Condition, ...]:
    """Ask that what is created gets the environment's tags."""
    return (
        string_equals("aws:RequestTag/project", PROJECT_NAME),
        string_equals("aws:RequestTag/Environment", scope.environment),
    )


def existing_tag_conditions(scope: Scope) -> tuple[Condition, ...]:
    """Ask that what is touched bears the environment's tags."""
    return (
        string_equals("aws:ResourceTag/project", PROJECT_NAME),
        string_equals("aws:ResourceTag/Environment", scope.environment),
    )


def region_condition(scope: Scope) -> Condition:
    """Ask that the request goes to the environment's region."""
    return string_equals("aws:RequestedRegion", scope.region)


def list_objects(bucket_arns: Sequence[str]) -> Statement:
    """List the objects of some buckets."""
    return Statement(sid="ListObjects", actions=("s3:ListBucket",), resources=tuple(bucket_arns))


def read_objects(bucket_arn: str, prefix: str = "") -> Statement:
    """Read the objects of a bucket whose keys begin with `prefix`."""
    return Statement(sid="ReadObjects", actions=("s3:GetObject",), resources=(f"{bucket_arn}/{prefix}*",))


def read_and_write_objects(bucket_arns: Sequence[str]) -> Statement:
    """Read, write and overwrite objects of some buckets. Overwritten versions stay: the buckets are versioned."""
    return Statement(
        sid="ReadAndWriteObjects",
        actions=("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
        resources=tuple(f"{arn}/*" for arn in bucket_arns),
    )


def delete_objects(bucket_arn: str) -> Statement:
    """Delete objects of a bucket, though not versions of them."""
    return Statement(sid="DeleteObjects", actions=("s3:DeleteObject",), resources=(f"{bucket_arn}/*",))


def use_key(key_arn: str, scope: Scope, *, services: Sequence[str], encrypt: bool) -> Statement:
    """Use a KMS key through some services, never directly.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return Statement(
        sid="UseKey",
        actions=("kms:Decrypt", *(("kms:GenerateDataKey",) if encrypt else ())),
        resources=(key_arn,),
        conditions=(
            string_equals("kms:ViaService", *(f"{service}.{scope.region}.amazonaws.com" for service in services)),
        ),
    )


def encrypt_disks(key_arn: str, scope: Scope) -> tuple[Statement, Statement]:
    """Launch instances whose disks are encrypted with a KMS key.

    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html
    """
    through_ec2 = string_equals("kms:ViaService", f"ec2.{scope.region}.amazonaws.com")
    return (
        Statement(
            sid="EncryptDisks",
            actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
            resources=(key_arn,),
            conditions=(through_ec2,),
        ),
        Statement(
            sid="LendKeyToDisks",
            actions=("kms:CreateGrant",),
            resources=(key_arn,),
            conditions=(
                through_ec2,
                Condition(operator="Bool", key="kms:GrantIsForAWSResource", values=("true",)),
            ),
        ),
    )


def start_and_stop_instance(instance_arn: str) -> Statement:
    """Start and stop one instance."""
    return Statement(sid="StartAndStop", actions=("ec2:StartInstances", "ec2:StopInstances"), resources=(instance_arn,))


def allow_ebs_grants_on_start(key_arn: str, scope: Scope) -> Statement:
    """Start an instance whose disks are encrypted with a KMS key: EC2 asks for the disks' data key again.

    https://docs.aws.amazon.com/solutions/latest/instance-scheduler-on-aws/security-1
    """
    return Statement(
        sid="LendKeyToStartedDisks",
        actions=("kms:CreateGrant",),
        resources=(key_arn,),
        conditions=(
            string_equals("kms:ViaService", f"ec2.{scope.region}.amazonaws.com"),
            Condition(operator="Bool", key="kms:GrantIsForAWSResource", values=("true",)),
            Condition(operator="ForAllValues:StringEquals", key="kms:GrantOperations", values=("Decrypt",)),
            Condition(operator="ForAllValues:StringEquals", key="kms:EncryptionContextKeys", values=("aws:ebs:id",)),
            # Without any value "for all" would hold.
            Condition(operator="Null", key="kms:GrantOperations", values=("false",)),
            Condition(operator="Null", key="kms:EncryptionContextKeys", values=("false",)),
        ),
    )


def read_secrets(scope: Scope, prefix: str) -> Statement:
    """Read the secrets whose names begin with `prefix`, in this account and region."""
    return Statement(
        sid="ReadSecrets",
        actions=("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
        resources=(scope.regional_arn("secretsmanager", f"secret:{prefix}*"),),
    )


def put_metrics(namespace: str) -> Statement:
    """Publish metrics in the namespaces that match a pattern; CloudWatch knows no ARNs of metrics."""
    return Statement(
        sid="PutMetrics",
        actions=("cloudwatch:PutMetricData",),
        resources=(EVERYTHING,),
        conditions=(Condition(operator="StringLike", key="cloudwatch:namespace", values=(namespace,)),),
    )


def read_metrics() -> Statement:
    """Read metrics."""
    return Statement(
        sid="ReadMetrics",
        actions=("cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
        resources=(EVERYTHING,),
    )


def write_logs(scope: Scope, group: str) -> Statement:
    """Write to the log groups that match a pattern. They are the stack's: nobody creates others."""
    return Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
        resources=(
            scope.regional_arn("logs", f"log-group:{group}"),
            scope.regional_arn("logs", f"log-group:{group}:log-stream:*"),
        ),
    )


def read_costs(scope: Scope, budget: str) -> tuple[Statement, Statement]:
    """Read the account's costs and the budgets that match a pattern."""
    return (
        Statement(sid="ReadCosts", actions=("ce:GetCostAndUsage",), resources=(EVERYTHING,)),
        Statement(
            sid="ReadBudgets",
            actions=("budgets:ViewBudget",),
            resources=(f"arn:aws:budgets::{scope.account_id}:budget/{budget}",),
        ),
    )


def publish_to_topic(topic_arn: str) -> Statement:
    """Publish to one SNS topic."""
    return Statement(sid="Publish", actions=("sns:Publish",), resources=(topic_arn,))


def invoke_models(scope: Scope) -> tuple[Statement, Statement]:
    """Invoke Anthropic's models on Bedrock: those of this region, and others only through an inference profile.

    A profile sends requests to models of other regions, whose ARNs have that region or, for a global profile, none:
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html

    Which profiles a region has, and where each sends requests, is AWS's to say: `us`, `eu`, `jp`, `au`, `apac` and
    `global` are some of their geographies, Canada has those of the US, and AWS adds others (`ca`, `in`) without a list
    of all. So every geography is allowed that AWS offers in this region:
    https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
    """
    actions = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream")
    profiles = scope.regional_arn("bedrock", "inference-profile/*.anthropic.*")
    model = "foundation-model/anthropic.*"
    return (
        Statement(
            sid="InvokeModels", actions=actions, resources=(profiles, f"arn:aws:bedrock:{scope.region}::{model}")
        ),
        Statement(
            sid="InvokeModelsThroughProfiles",
            actions=actions,
            resources=(f"arn:aws:bedrock:*::{model}", f"arn:aws:bedrock:::{model}"),
            conditions=(Condition(operator="ArnLike", key="bedrock:InferenceProfileArn", values=(profiles,)),),
        ),
    )


def describe_compute() -> Statement:
    """See instances and what they are launched from, spot prices and groups; EC2 cannot limit what is seen."""
    return Statement(
        sid="DescribeCompute",
        actions=(
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeScalingActivities",
            "ec2:DescribeImages",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstances",
            "ec2:DescribeKeyPairs",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSpotInstanceRequests",
            "ec2:DescribeSpotPriceHistory",
            "ec2:DescribeSubnets",
            "ec2:DescribeTags",
            "ec2:DescribeVolumes",
            "ec2:DescribeVpcs",
        ),
        resources=(EVERYTHING,),
    )


def describe_instances() -> Statement:
    """See instances and their tags."""
    return Statement(
        sid="DescribeInstances", actions=("ec2:DescribeInstances", "ec2:DescribeTags"), resources=(EVERYTHING,)
    )


SPOT_REQUESTS_SID = "RunOnTaggedSpotRequests"
"""The statement for launches on the spot market."""


def run_tagged_instances(scope: Scope) -> tuple[Statement, ...]:
    """Launch instances that bear this environment's tags, have encrypted disks and answer IMDSv2 only.

    They go into this environment's subnets and security groups. EC2 checks each resource of a launch on its own, so
    each type has the conditions that exist for it:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
    """
    run = ("ec2:RunInstances",)
    return (
        Statement(
            sid="RunTaggedInstances",
            actions=run,
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                *requested_tag_conditions(scope),
                region_condition(scope),
                string_equals("ec2:MetadataHttpTokens", "required"),
            ),
        ),
        Statement(
            sid="RunWithTaggedDisks",
            actions=run,
            resources=scope.ec2_arn_patterns("volume"),
            conditions=(
                *requested_tag_conditions(scope),
                Condition(operator="Bool", key="ec2:Encrypted", values=("true",)),
            ),
        ),
        Statement(
            sid=SPOT_REQUESTS_SID,
            actions=run,
            resources=scope.ec2_arn_patterns("spot-instances-request"),
            conditions=requested_tag_conditions(scope),
        ),
        Statement(
            sid="RunInOwnNetwork",
            actions=run,
            resources=scope.ec2_arn_patterns("subnet", "security-group", "launch-template"),
            conditions=existing_tag_conditions(scope),
        ),
        Statement(
            sid="RunFromImages",
            actions=run,
            # Public images belong to no account in their ARN; a new network interface has no tags yet.
            resources=(
                f"arn:aws:ec2:{scope.region}::image/*",
                f"arn:aws:ec2:{scope.region}::snapshot/*",
                *scope.ec2_arn_patterns("network-interface"),
            ),
            conditions=(region_condition(scope),),
        ),
        Statement(
            sid="TagWhatIsLaunched",
            actions=("ec2:CreateTags",),
            resources=scope.ec2_arn_patterns("instance", "volume", "network-interface", "spot-instances-request"),
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html
            conditions=(string_equals("ec2:CreateAction", "RunInstances"), *requested_tag_conditions(scope)),
        ),
    )


def manage_tagged_instances(scope: Scope, *, except_role: str) -> tuple[Statement, Statement]:
    """Start, stop and terminate this environment's instances, but none that is tagged with the role `except_role`."""
    return (
        Statement(
            sid="ManageTaggedInstances",
            actions=("ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                *existing_tag_conditions(scope),
                region_condition(scope),
                Condition(operator="StringNotEquals", key="aws:ResourceTag/Role", values=(except_role,)),
            ),
        ),
        Statement(
            sid="CancelTaggedSpotRequests",
            actions=("ec2:CancelSpotInstanceRequests",),
            resources=scope.ec2_arn_patterns("spot-instances-request"),
            conditions=(*existing_tag_conditions(scope), region_condition(scope)),
        ),
    )


def resize_tagged_groups(scope: Scope) -> Statement:
    """Set how many instances this environment's Auto Scaling groups want."""
    return Statement(
        sid="ResizeTaggedGroups",
        actions=("autoscaling:SetDesiredCapacity",),
        resources=(scope.regional_arn("autoscaling", "autoScalingGroup:*:autoScalingGroupName/*"),),
        conditions=existing_tag_conditions(scope),
    )


def pass_role(role_arn: str, *, service: str = "ec2.amazonaws.com") -> Statement:
    """Return one role to one AWS service; EC2 gives it on to instances that are launched."""
    return Statement(
        sid="PassRole",
        actions=("iam:PassRole",),
        resources=(role_arn,),
        conditions=(string_equals("iam:PassedToService", service),),
    )


def create_spot_service_role(scope: Scope) -> Statement:
    """Let EC2 make its own role for spot instances, which the account's first spot request needs.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
    """
    return Statement(
        sid="UseSpot",
        actions=("iam:CreateServiceLinkedRole",),
        resources=(
            f"arn:aws:iam::{scope.account_id}:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        ),
        conditions=(string_equals("iam:AWSServiceName", "spot.amazonaws.com"),),
    )


def tag_own_instance(scope: Scope, keys: Sequence[str]) -> Statement:
    """Let an instance set some tags of its own, and no others.

    `aws:userid` of an instance's role ends in the instance's id, and `ec2:InstanceID` is the id of the one that is
    tagged: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable
    """
    return Statement(
        sid="TagItself",
        actions=("ec2:CreateTags",),
        resources=scope.ec2_arn_patterns("instance"),
        conditions=(
            Condition(operator="StringLike", key="aws:userid", values=("*:${ec2:InstanceID}",)),
            Condition(operator="ForAllValues:StringEquals", key="aws:TagKeys", values=tuple(keys)),
            # ForAllValues is also true of no keys at all.
            Condition(operator="Null", key="aws:TagKeys", values=("false",)),
        ),
    )


def send_commands(scope: Scope, documents: Sequence[str]) -> tuple[Statement, Statement]:
    """Run some SSM Command documents, and no others, on this environment's instances.

    Run Command checks the document and each instance on its own; the tags are the instance's:
    https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html
    """
    return (
        Statement(
            sid="SendCommands",
            actions=("ssm:SendCommand",),
            resources=tuple(scope.regional_arn("ssm", f"document/{name}") for name in documents),
        ),
        Statement(
            sid="SendCommandsToTaggedInstances",
            actions=("ssm:SendCommand",),
            resources=scope.ec2_arn_patterns("instance"),
            conditions=(
                string_equals("ssm:resourceTag/project", PROJECT_NAME),
                string_equals("ssm:resourceTag/Environment", scope.environment),
            ),
        ),
    )


def read_command_results() -> Statement:
    """See what became of commands; Systems Manager cannot limit what is seen."""
    return Statement(
        sid="FollowCommands",
        actions=(
            "ssm:DescribeInstanceInformation",
            "ssm:GetCommandInvocation",
            "ssm:ListCommandInvocations",
            "ssm:ListCommands",
        ),
        resources=(EVERYTHING,),
    )


def start_runbooks(scope: Scope, documents: Sequence[str]) -> Statement:
    """Start some SSM Automation documents, and no others.

    A start is checked against the document and the execution that it makes. Until AWS has retired the older
    `automation-definition` ARNs, a caller may meet either:
    https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-setup-identity-based-policies.html
    """
    return Statement(
        sid="StartRunbooks",
        actions=("ssm:StartAutomationExecution",),
        resources=(
            *(scope.regional_arn("ssm", f"document/{name}") for name in documents),
            *(scope.regional_arn("ssm", f"automation-definition/{name}:*") for name in documents),
            scope.regional_arn("ssm", "automation-execution/*"),
        ),
    )


def complete_lifecycle_actions(scope: Scope) -> Statement:
    """Let instances of this environment's Auto Scaling groups go on that wait to be launched or terminated.

    A group has the stack's name in its own. AWS cannot limit it to the instance that asks:
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    """
    group = f"autoScalingGroup:*:autoScalingGroupName/{PROJECT_NAME}-{scope.environment}-*"
    return Statement(
        sid="CompleteLifecycleActions",
        actions=("autoscaling:CompleteLifecycleAction",),
        resources=(scope.regional_arn("autoscaling", group),),
        conditions=existing_tag_conditions(scope),
    )
