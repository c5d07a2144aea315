"""What bringing releases to nodes needs in AWS: the rights of `cfs deploy`, beside those of the stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.access.grants import list_objects, send_commands, use_key
from infra.access.statements import EVERYTHING, Statement, is_present
from infra.naming import document_name

if TYPE_CHECKING:
    from infra.scope import SecuredScope

DEPLOYMENT_COMMANDS = ("install", "probe", "drain")
"""What a deployment runs on nodes."""

RELEASE_PREFIX = "releases/"
"""Where releases lie in the artifact bucket."""


def release_grants(scope: SecuredScope) -> tuple[Statement, ...]:
    """Publish releases without overwriting one, move the environment's pointer, and run three commands on its nodes.

    Writes are allowed only with the conditions that `cfs deploy` makes them under, so that no right of a deployment can
    replace a release:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    bucket, own = (
        scope.artifact_bucket_arn,
        tuple(f"environments/{scope.environment}/{name}.json" for name in ("version", "rollout", "applies")),
    )
    return (
        # Without it S3 answers that what is not there is forbidden.
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
        *send_commands(scope, [document_name(scope.environment, name) for name in DEPLOYMENT_COMMANDS]),
    )
