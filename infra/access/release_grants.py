"""Grants for `cfs deploy`, which brings releases to nodes; they do not include the rights to deploy the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import list_objects, put_metrics, send_commands, use_key
from infra.access.statements import EVERYTHING, Statement, is_present
from infra.naming import document_name

if TYPE_CHECKING:
    from infra.scope import SecuredScope

DEPLOYMENT_COMMANDS = ("install", "probe", "drain")
"""Commands that a deployment runs on nodes."""

DEPLOYMENT_METRICS_NAMESPACE = "CFS/Deployments"
"""Namespace of the metrics of deployments."""

RELEASE_PREFIX = "releases/"
"""Key prefix of releases in the artifact bucket."""


def release_grants(scope: SecuredScope) -> tuple[Statement, ...]:
    """Return grants to publish new releases, change the environment's documents, and run three commands on its nodes.

    Writes require the conditional headers that `cfs deploy` sends, so a deployment cannot overwrite a release:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    bucket, own = (
        scope.artifact_bucket_arn,
        tuple(f"environments/{scope.environment}/{name}.json" for name in ("version", "rollout", "applies")),
    )
    return (
        # Without it S3 answers requests for missing objects with 403 instead of 404.
        list_objects(bucket),
        Statement(
            sid="ReadReleases",
            actions=("s3:GetObject",),
            resources=tuple(f"{bucket}/{key}" for key in (f"{RELEASE_PREFIX}*", *own)),
        ),
        Statement(
            sid="CreateReleases",
            actions=("s3:PutObject",),
            resources=tuple(f"{bucket}/{key}" for key in (f"{RELEASE_PREFIX}*", *own)),
            conditions=(is_present("s3:if-none-match"),),
        ),
        Statement(
            sid="ReplaceWhatWasRead",
            actions=("s3:PutObject",),
            resources=tuple(f"{bucket}/{key}" for key in own),
            conditions=(is_present("s3:if-match"),),
        ),
        use_key(scope, services=("s3",), encrypt=True),
        Statement(
            sid="SeeNodes",
            actions=("ec2:DescribeInstances", "ssm:DescribeInstanceInformation", "ssm:ListCommandInvocations"),
            resources=(EVERYTHING,),
        ),
        put_metrics(DEPLOYMENT_METRICS_NAMESPACE),
        *send_commands(scope, [document_name(scope.environment, name) for name in DEPLOYMENT_COMMANDS]),
    )
