"""What prowler reports about the stack's resources and is to stay: each finding with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonKind(StrEnum):
    """Kind of reason for which a finding stays."""

    DECIDED = "decided"
    """The repair costs more than it gains, or would harm what the resource is for."""
    MISTAKEN = "mistaken"
    """The scanner is wrong about this resource."""
    OUTSIDE = "outside"
    """The repair is a setting of the account, for which its owner decides."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a check's failure on some resources is to stay.

    Attributes:
        check: prowler's ID of the check.
        resources: Pattern of the resources' ARNs, as of `fnmatch`.
        kind: Kind of the reason.
        reason: The reason, in one sentence.
    """

    check: str
    resources: str
    kind: ReasonKind
    reason: str


_DECIDED, _MISTAKEN, _OUTSIDE = ReasonKind


def _explain(check: str, resources: str, kind: ReasonKind, reason: str) -> Explanation:
    return Explanation(check=check, resources=resources, kind=kind, reason=reason)


EXPLANATIONS = (
    _explain(
        "autoscaling_group_multiple_az",
        "*/claudefs-*-storage-b",
        _DECIDED,
        "The second site is one zone, whose loss the tests simulate.",
    ),
    _explain(
        "autoscaling_group_multiple_instance_types",
        "*",
        _DECIDED,
        "Tests compare nodes of one type; `nodeGroups.<name>.instanceTypes` adds others where spot capacity is short.",
    ),
    _explain(
        "awslambda_function_env_vars_not_encrypted_with_cmk",
        "*-guard",
        _DECIDED,
        "The variables hold names and amounts, no secret, and Lambda encrypts them with its own key.",
    ),
    _explain(
        "awslambda_function_inside_vpc",
        "*-guard",
        _DECIDED,
        "The guard calls only AWS's APIs; from a VPC it would need an endpoint for each, at $7 a month and zone.",
    ),
    _explain(
        "awslambda_function_invoke_api_operations_cloudtrail_logging_enabled",
        "*-guard",
        _OUTSIDE,
        "Data events belong to the account's trail; the guard logs each run.",
    ),
    _explain(
        "cloudwatch_log_group_retention_policy_specific_days_enabled",
        "*:log-group:/cfs/*",
        _DECIDED,
        "`logRetentionDays` decides; the check demands a year, and the logs are of tests.",
    ),
    _explain(
        "dynamodb_table_deletion_protection_enabled",
        "*-guard-ledger",
        _DECIDED,
        "With point-in-time recovery DynamoDB keeps a deleted table for 35 days, and `cfs destroy` must delete it.",
    ),
    _explain(
        "dynamodb_table_protected_by_backup_plan",
        "*-guard-ledger",
        _DECIDED,
        "Point-in-time recovery restores any second of 35 days; AWS Backup would do the same at a charge.",
    ),
    _explain(
        "dynamodb_tables_kms_cmk_encryption_enabled",
        "*-guard-ledger",
        _DECIDED,
        "The ledger holds amounts and instance IDs; DynamoDB's own key encrypts it free of charge.",
    ),
    _explain(
        "ec2_ebs_volume_protected_by_backup_plan",
        "*:volume/*",
        _DECIDED,
        "The agents' work is on GitHub, and a deployment rebuilds the machine (docs/recovery.md).",
    ),
    _explain("ec2_ebs_volume_snapshots_exists", "*:volume/*", _DECIDED, "As above: nothing on a disk is unique."),
    _explain(
        "ec2_instance_detailed_monitoring_enabled",
        "*:instance/*",
        _DECIDED,
        "The machine publishes its own metrics each minute, and EC2's status checks need no detailed monitoring.",
    ),
    _explain(
        "ec2_launch_template_no_secrets",
        "*:launch-template/*",
        _MISTAKEN,
        "The scanner takes the public fingerprint of GitHub's package key for a secret; machines fetch their secrets.",
    ),
    *(
        _explain(
            f"ec2_networkacl_allow_ingress_{port}",
            "*:network-acl/*",
            _DECIDED,
            "The VPC's default ACL is open; security groups filter, and none admits the internet.",
        )
        for port in ("any_port", "tcp_port_22", "tcp_port_3389")
    ),
    *(
        _explain(
            "iam_role_cross_service_confused_deputy_prevention",
            f"*-{machine}",
            _MISTAKEN,
            "AWS documents no source condition for instance roles, and a role is only passed within its account.",
        )
        for machine in ("node", "orchestrator")
    ),
    _explain(
        "s3_bucket_cross_region_replication",
        "*",
        _DECIDED,
        "Versions protect against deletion; a lost region ends the tests, and docs/recovery.md rebuilds the rest.",
    ),
    _explain(
        "s3_bucket_event_notifications_enabled",
        "*",
        _DECIDED,
        "Nothing reacts to objects; releases are found by their document.",
    ),
    _explain(
        "s3_bucket_no_mfa_delete",
        "*",
        _DECIDED,
        "Only the root user can set it, and S3 refuses lifecycle rules on such a bucket.",
    ),
    _explain(
        "s3_bucket_object_lock",
        "*",
        _DECIDED,
        "A lock would refuse the lifecycle and `cfs destroy`; nobody but an administrator may delete versions.",
    ),
    _explain(
        "s3_bucket_server_access_logging_enabled",
        "*",
        _DECIDED,
        "Releases are verified by their attestation wherever they come from; CloudTrail's data events name readers.",
    ),
    _explain(
        "vpc_endpoint_connections_trust_boundaries",
        "*:vpc-endpoint/*",
        _DECIDED,
        "The machines reach the internet anyway, and download packages from public buckets through this endpoint.",
    ),
    _explain(
        "vpc_endpoint_for_ec2_enabled",
        "*:vpc/*",
        _DECIDED,
        "An endpoint costs $7 a month and zone; calls to EC2 are encrypted and signed without it.",
    ),
    _explain(
        "vpc_flow_logs_enabled",
        "*:vpc/*",
        _DECIDED,
        "They cost $0.50 per GB; security groups declare who reaches whom, and `cfs doctor` compares them.",
    ),
)
"""The findings that stay."""
