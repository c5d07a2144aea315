"""cloudsplaining, an independent scanner: every risky grant is limited to resources, and each of those has a reason."""

from __future__ import annotations

from typing import Any

from cloudsplaining.scan.policy_document import PolicyDocument

from tests.unit.infra.test_components import deploy

RISKS = (
    "allows_privilege_escalation",
    "permissions_management_without_constraints",
    "credentials_exposure",
    "allows_data_exfiltration_actions",
    "service_wildcard",
)
"""cloudsplaining's names of privilege escalation, resource exposure, credentials, exfiltration and wildcards."""

MACHINES = ("boundary", "node-node", "orchestrator-data")

REASONS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "objects of the environment's own buckets, by their prefix",
        ("s3:GetObject",),
        (*MACHINES, "jobs-cache", "jobs-read", "jobs-release", "jobs-storage"),
    ),
    ("secrets under the machine's own prefix", ("secretsmanager:GetSecretValue",), MACHINES),
    (
        "the agents' mode and public parameters; the stack keeps no secret in parameters",
        ("ssm:GetParameter",),
        ("boundary", "guard-boundary", "guard", "jobs-read", "jobs-watch", "orchestrator-observation"),
    ),
    ("public parameters of images", ("ssm:GetParameters",), ("boundary", "jobs-read", "orchestrator-compute")),
    (
        "grants to AWS for encrypted disks: the roles' statements test kms:GrantIsForAWSResource",
        ("kms:CreateGrant",),
        ("boundary", "guard-boundary", "guard", "jobs-compute", "orchestrator-compute", "orchestrator-hours"),
    ),
    (
        "AWS defines the rights of a service-linked role; conditions name the service",
        ("iam:CreateServiceLinkedRole",),
        ("boundary", "jobs-compute", "jobs-services", "orchestrator-compute"),
    ),
    (
        "each role of this environment only to its own service; all have a boundary",
        ("iam:PassRole",),
        ("boundary", "events", "jobs-services", "orchestrator-compute"),
    ),
    (
        "only the nodes' role can be passed to an instance, and it may do less than the orchestrator",
        ("CreateEC2WithExistingIP",),
        ("boundary", "orchestrator-compute"),
    ),
    (
        "a deployment changes what machines run; their roles have a boundary, and a person approves it",
        ("ModifyEC2InstanceUserDataThenRestart", "ModifyExistingEC2LaunchTemplate"),
        ("jobs-compute",),
    ),
    (
        "a deployment changes the environment's own function and queue; the function's role has a boundary",
        (
            "EditExistingLambdaFunctionWithRole",
            "UpdateLambdaFunctionAndAddPermission",
            "lambda:AddPermission",
            "lambda:RemovePermission",
            "sqs:CreateQueue",
            "sqs:SetQueueAttributes",
        ),
        ("jobs-guard",),
    ),
    (
        "a deployment changes the environment's roles, which cannot be without their boundary, and its alert topic",
        (
            "AttachRolePolicy",
            "PutRolePolicy",
            "iam:AddRoleToInstanceProfile",
            "iam:AttachRolePolicy",
            "iam:CreateInstanceProfile",
            "iam:CreateRole",
            "iam:DeleteInstanceProfile",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:PutRolePolicy",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:UpdateRole",
            "iam:UpdateRoleDescription",
            "sns:CreateTopic",
            "sns:SetTopicAttributes",
        ),
        ("jobs-services",),
    ),
    (
        "a deployment changes the policies of the environment's own buckets and key",
        (
            "kms:PutKeyPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
        ),
        ("jobs-storage",),
    ),
)
"""Why risky grants of resources stay: a reason, the actions or ways to escalate rights, and the policies."""

WIDE: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:PutRolePolicy", "s3:GetObject"], "Resource": "*"}],
}


def scan_policy(document: dict[str, Any], *, resources_are_limits: bool = True) -> dict[str, Any]:
    """Return the findings; conditions do not count as limits, as they may name what any caller can set."""
    scanned = PolicyDocument(
        document, flag_conditional_statements=True, flag_resource_arn_statements=not resources_are_limits
    )
    return {risk: found for risk in RISKS if (found := getattr(scanned, risk))}


def declared_policies() -> dict[str, dict[str, Any]]:
    declared = deploy(egress="nat", orchestratorHours="weekdays", managesRepository="true").custom
    kinds = ("aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy")
    return {resource.name: resource.document() for resource in declared if resource.type in kinds}


def test_each_risky_grant_is_limited_to_resources_and_has_a_reason_and_each_reason_a_grant() -> None:
    policies = declared_policies()
    unlimited = {name: found for name, document in policies.items() if (found := scan_policy(document))}
    limited = {
        (name, finding["type"] if isinstance(finding, dict) else finding)
        for name, document in policies.items()
        for findings in scan_policy(document, resources_are_limits=False).values()
        for finding in findings
    }

    assert len(policies) > 15
    assert unlimited == {}
    assert limited == {(name, risk) for _, risks, names in REASONS for risk in risks for name in names}


def test_the_scanner_finds_escalation_exposure_and_exfiltration_in_a_wide_policy() -> None:
    assert scan_policy(WIDE).keys() == set(RISKS[:2]) | {"allows_data_exfiltration_actions"}
