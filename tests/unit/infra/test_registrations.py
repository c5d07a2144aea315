"""What is declared has its place everywhere else: a provider, a way back after a crash, and rights of its own.

A new type, bucket or role that lacks one of them fails here, and the message names the file to change.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cfs.doctor.resource_types import DEPLOYMENT_POLICY_TYPE, PULL_REQUEST_TYPE
from cfs.recovery.pending_operations import IMPORT_ID_MAKERS
from infra.access.boundary import boundary_policy_name
from infra.access.rights import ec2, guard, services
from infra.access.rights.iam import IDENTITY_TYPES
from infra.access.rights.operator_actions import OPERATOR_ACTIONS
from infra.access.role_purposes import ROLE_BOUNDARIES
from infra.config.repository import JOB_VARIABLES, REPOSITORY_VARIABLES
from infra.github.jobs_access import JOB_POLICIES, JobKind
from infra.naming import alert_topic_name
from local.aws.iam.evaluation import policy_allows
from tests.unit.infra.conftest import ACCOUNT_ID, REGION, STACK
from tests.unit.infra.test_components import stack as whole_stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from infra.access.rights.resource_type import ResourceType
    from tests.unit.infra.conftest import Recorder, Resource

ROOT = Path(__file__).parents[3]
PROVIDERS_FILE = "toolchain/providers/resources.json"
TAGGED_FILE = "cfs/recovery/tagged_resources.py"
NAMED_FILE = "cfs/recovery/pending_operations.py"
RIGHTS_FILES = "infra/access/rights/ec2.py or infra/access/rights/services.py"

REPEATABLE = {
    "aws:autoscaling/lifecycleHook:LifecycleHook",
    "aws:autoscaling/schedule:Schedule",
    "aws:cloudwatch/dashboard:Dashboard",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sns/topicSubscription:TopicSubscription",
    "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions",
    "github:index/repositoryEnvironment:RepositoryEnvironment",
    "github:index/repositoryFile:RepositoryFile",
    "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions",
}
"""Types whose service takes a second creation for a change: a dead run's are declared once more."""


def regional(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


ARNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "autoscaling/group": lambda inputs: regional(
        "autoscaling", f"autoScalingGroup:1:autoScalingGroupName/{inputs['name']}"
    ),
    "autoscaling/lifecycleHook": lambda inputs: regional(
        "autoscaling", f"autoScalingGroup:1:autoScalingGroupName/{inputs['autoscalingGroupName']}"
    ),
    "autoscaling/schedule": lambda inputs: regional(
        "autoscaling", f"autoScalingGroup:1:autoScalingGroupName/{inputs['autoscalingGroupName']}"
    ),
    "budgets/budget": lambda inputs: f"arn:aws:budgets::{ACCOUNT_ID}:budget/{inputs['name']}",
    "cloudwatch/dashboard": lambda inputs: f"arn:aws:cloudwatch::{ACCOUNT_ID}:dashboard/{inputs['dashboardName']}",
    "cloudwatch/eventRule": lambda inputs: regional("events", f"rule/{inputs['name']}"),
    "cloudwatch/eventTarget": lambda inputs: regional("events", f"rule/{inputs['rule']}"),
    "cloudwatch/logGroup": lambda inputs: regional("logs", f"log-group:{inputs['name']}"),
    "cloudwatch/logMetricFilter": lambda inputs: regional("logs", f"log-group:{inputs['logGroupName']}"),
    "cloudwatch/logResourcePolicy": lambda _: "*",
    "cloudwatch/metricAlarm": lambda inputs: regional("cloudwatch", f"alarm:{inputs['name']}"),
    "dynamodb/table": lambda inputs: regional("dynamodb", f"table/{inputs['name']}"),
    "kms/alias": lambda inputs: regional("kms", inputs["name"]),
    "lambda/function": lambda inputs: regional("lambda", f"function:{inputs['name']}"),
    "lambda/permission": lambda inputs: regional("lambda", f"function:{inputs['function']}"),
    "scheduler/schedule": lambda inputs: regional("scheduler", f"schedule/{inputs['groupName']}/{inputs['name']}"),
    "scheduler/scheduleGroup": lambda inputs: regional("scheduler", f"schedule-group/{inputs['name']}"),
    "sns/topic": lambda inputs: regional("sns", inputs["name"]),
    "sns/topicSubscription": lambda _: regional("sns", alert_topic_name(STACK)),
    "sqs/queue": lambda inputs: regional("sqs", inputs["name"]),
    "ssm/parameter": lambda inputs: regional("ssm", f"parameter/{inputs['name']}"),
    "ssm/document": lambda inputs: regional("ssm", f"document/{inputs['name']}"),
}
"""The ARN of a resource from its inputs, by the type's module and name; a bucket's, a key's and EC2's are below."""


PUBLISHERS = {
    "aws:budgets/budget:Budget": "budgets.amazonaws.com",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch.amazonaws.com",
    "aws:costexplorer/anomalySubscription:AnomalySubscription": "costalerts.amazonaws.com",
}
"""Services that publish to the encrypted topic of alerts, by the types that make them do so."""


@pytest.fixture(scope="module")
def stack() -> Recorder:
    """The stack with every setting that declares more."""
    return whole_stack()


def declared_types(stack: Recorder, prefix: str) -> set[str]:
    found = {resource.type for resource in stack.custom if resource.type.startswith(prefix)}
    assert len(found) > {"aws:": 35, "github:": 2}[prefix], found
    return found


def recovered_types() -> set[str]:
    """Return the types that the file which looks an account through names."""
    tree = ast.parse((ROOT / TAGGED_FILE).read_text())
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if text.startswith("aws:") and text.count(":") == 2 and " " not in text}


def test_every_declared_type_has_a_provider(stack: Recorder) -> None:
    table = json.loads((ROOT / PROVIDERS_FILE).read_text())
    provided = {row["token"] for package in table.values() for row in package["resources"].values()}

    missing = (declared_types(stack, "aws:") | declared_types(stack, "github:")) - provided

    assert missing == set(), f"add a row for each to {PROVIDERS_FILE}"


def test_every_declared_type_is_found_again_after_a_dead_run(stack: Recorder) -> None:
    by_name = IMPORT_ID_MAKERS.keys() | REPEATABLE | {DEPLOYMENT_POLICY_TYPE, PULL_REQUEST_TYPE}
    tagged = {resource.type for resource in stack.custom if resource.tags}

    assert declared_types(stack, "github:") - by_name == set(), f"add each to IMPORT_ID_MAKERS in {NAMED_FILE}"
    unfound = tagged - recovered_types() - by_name
    assert unfound == set(), f"list each in {TAGGED_FILE}"
    unnamed = declared_types(stack, "aws:") - tagged - by_name
    assert unnamed == set(), (
        f"add each to IMPORT_ID_MAKERS in {NAMED_FILE}, or to REPEATABLE here if a second creation is a change"
    )


def job_documents(stack: Recorder, job: JobKind) -> list[str]:
    """Return the policies of a job's role as the stack declares them."""
    return [stack.one("aws:iam/policy:Policy", f"jobs-{policy}").inputs["policy"] for policy in JOB_POLICIES[job]]


def refused(documents: list[str], actions: Iterator[str] | list[str], arn: str, context: dict[str, str]) -> list[str]:
    return [
        action
        for action in actions
        if action not in OPERATOR_ACTIONS and not any(policy_allows(text, action, arn, context) for text in documents)
    ]


def request_context(resource: Resource) -> dict[str, str]:
    """Return what AWS knows of a request that changes a resource; untagged ones belong to a tagged one."""
    tags = resource.tags or {"project": "claudefs", "Environment": STACK}
    return {
        "aws:RequestedRegion": REGION,
        **{f"aws:ResourceTag/{key}": value for key, value in tags.items()},
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }


def resource_arn(stack: Recorder, resource: Resource) -> str:
    kind = resource.type.split(":")[1].rpartition("/")[0] + "/" + resource.type.split(":")[1].rpartition("/")[2]
    if kind.startswith("s3/"):
        return f"arn:aws:s3:::{resource.inputs['bucket']}"
    if kind == "kms/key":
        return str(stack.outputs["encryption"]["keyArn"])
    assert kind in ARNS, f"say in ARNS, in this file, how the ARN of {resource.type} is built"
    return ARNS[kind](resource.inputs)


def service_rows() -> dict[str, ResourceType]:
    tables = (services.STORAGE_TYPES, services.GROUP_TYPES, services.OBSERVATION_TYPES, guard.GUARD_TYPES)
    return {token: row for table in tables for row in table for token in row.type_tokens}


def ec2_rows() -> dict[str, ResourceType]:
    return {
        token: row for table in (ec2.NETWORK_TYPES, ec2.COMPUTE_TYPES) for row in table for token in row.type_tokens
    }


def allowed_services(resource: Resource) -> set[str]:
    """Return the services that a resource's policy names as principals."""
    principals = (statement["Principal"] for statement in resource.document()["Statement"])
    return {name for each in principals if isinstance(each, dict) for name in [each.get("Service")] if name}


def test_every_service_that_publishes_alerts_may_use_the_topic_and_its_key(stack: Recorder) -> None:
    publishing = {PUBLISHERS[type_] for type_ in declared_types(stack, "aws:") & PUBLISHERS.keys()}
    assert publishing

    [topic] = stack.every("aws:sns/topicPolicy:TopicPolicy")
    [key] = stack.every("aws:kms/key:Key")
    assert publishing <= allowed_services(topic), "infra/budget.py, alert_topic_policy: alerts would be refused"
    assert publishing <= allowed_services(key), "infra/storage/key_declaration.py, key_policy: alerts would be dropped"


def test_every_declared_type_has_a_row_of_rights(stack: Recorder) -> None:
    identity = {token for row in IDENTITY_TYPES for token in row.type_tokens}
    covered = service_rows().keys() | ec2_rows().keys() | identity | set(guard.ANOMALY_TYPES)

    assert declared_types(stack, "aws:") - covered == set(), f"add a row for each to {RIGHTS_FILES}"


@pytest.mark.parametrize("job", ["deploy", "preview"])
def test_a_jobs_policies_reach_each_declared_resource_of_the_services(stack: Recorder, job: JobKind) -> None:
    documents, rows = job_documents(stack, job), service_rows()
    # A topic's policy names nothing but its topic, which is among them.
    resources = [of for of in stack.custom if of.type in rows and of.type != "aws:sns/topicPolicy:TopicPolicy"]
    assert len(resources) > 60
    failing = {
        f"{resource.type} {resource.name}": missing
        for resource in resources
        if (
            missing := refused(
                documents,
                [*rows[resource.type].reads, *(rows[resource.type].writes if job == "deploy" else ())],
                resource_arn(stack, resource),
                request_context(resource),
            )
        )
    }

    assert failing == {}, (
        f"the {job} role does not reach them: for a bucket infra/access/job_scope.py, else {RIGHTS_FILES}, or "
        "infra/github/jobs_access.py"
    )


def test_the_deploy_role_changes_each_declared_resource_of_ec2_by_its_tags(stack: Recorder) -> None:
    documents, rows = job_documents(stack, "deploy"), ec2_rows()
    resources = [resource for resource in stack.custom if resource.type in rows]
    assert len(resources) > 40
    failing = {}
    for resource in resources:
        row = rows[resource.type]
        arn = regional("ec2", f"{row.ec2_type}/x-1")
        context = request_context(resource) | {"ec2:Vpc": regional("ec2", "vpc/x-1")}
        if missing := refused(documents, list(row.writes), arn, context):
            failing[f"{resource.type} {resource.name}"] = missing
        others = context | {"aws:ResourceTag/Environment": "other"}
        assert set(refused(documents, list(row.writes), arn, others)) == set(row.writes), resource.name

    assert failing == {}, "the deploy role does not change them: infra/access/rights/ec2.py"


def trusted_service(role: Resource) -> str | None:
    """Return the AWS service that a role trusts; None where it trusts tokens."""
    statements = role.document("assumeRolePolicy")["Statement"]
    [service] = {statement["Principal"].get("Service") for statement in statements}
    trusted: str | None = service
    return trusted


def test_the_deploy_role_passes_each_role_to_the_service_that_it_trusts_and_to_no_other(stack: Recorder) -> None:
    documents = job_documents(stack, "deploy")
    roles = {role.inputs["name"]: trusted_service(role) for role in stack.every("aws:iam/role:Role")}
    assert sorted(filter(None, roles.values())) == [
        *("ec2.amazonaws.com", "ec2.amazonaws.com", "events.amazonaws.com", "lambda.amazonaws.com"),
        *("scheduler.amazonaws.com", "ssm.amazonaws.com"),
    ]
    for name, trusted in roles.items():
        passed = {
            service
            for service in {*filter(None, roles.values()), "ecs-tasks.amazonaws.com"}
            if not refused(
                documents,
                ["iam:PassRole"],
                f"arn:aws:iam::{ACCOUNT_ID}:role/{name}",
                {"iam:PassedToService": service},
            )
        }
        assert passed == ({trusted} if trusted else set()), f"{name}: infra/access/role_purposes.py, PASSED_ROLES"


def test_each_boundary_contains_every_action_of_the_roles_that_have_it(stack: Recorder) -> None:
    limits = {
        purpose: {
            action
            for statement in stack.one("aws:iam/policy:Policy", purpose).document()["Statement"]
            for action in as_list(statement["Action"])
        }
        for purpose in set(ROLE_BOUNDARIES.values())
    }
    roles = {role.inputs["name"]: role for role in stack.every("Role") if role.inputs.get("permissionsBoundary")}
    assert {role.name: role.inputs["permissionsBoundary"].rpartition("/")[2] for role in roles.values()} == {
        purpose: boundary_policy_name(STACK, boundary) for purpose, boundary in ROLE_BOUNDARIES.items()
    }
    inline = [policy for policy in stack.every("RolePolicy") if policy.inputs["role"] in roles]
    assert len(inline) == len(stack.every("RolePolicy")) >= 9
    outside = {
        policy.name: beyond
        for policy in inline
        if (
            beyond := {
                action
                for statement in policy.document()["Statement"]
                for action in as_list(statement["Action"])
                if action not in limits[ROLE_BOUNDARIES[roles[policy.inputs["role"]].name]]
            }
        )
    }

    assert outside == {}, "add the role's grants to infra/role_grants.py"


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_the_variables_that_the_doctor_looks_for_are_those_that_are_declared(stack: Recorder) -> None:
    environments: dict[str, set[str]] = {}
    for variable in stack.every("ActionsEnvironmentVariable"):
        environments.setdefault(variable.inputs["environment"], set()).add(variable.inputs["variableName"])
    assert list(environments.values()) == [set(JOB_VARIABLES)] * 2
    assert {of.inputs["variableName"] for of in stack.every("ActionsVariable")} <= set(REPOSITORY_VARIABLES)
