"""An environment as `cfs deploy` reaches it: whose account it is in, and which bucket holds its releases."""

from __future__ import annotations

from dataclasses import dataclass

from cfs.deploy.artifact_store import ArtifactStore
from cfs.deploy.aws import AwsClients, explain_aws_errors
from cfs.environments import find_stack_environment
from infra.naming import S3_BUCKET, physical_name
from infra.tags import PROJECT_NAME


@dataclass(frozen=True, kw_only=True)
class TargetEnvironment:
    """An environment.

    Attributes:
        name: The stack's name.
        aws: Its account.
    """

    name: str
    aws: AwsClients

    def artifact_store(self) -> ArtifactStore:
        """Return its artifact bucket."""
        account_id = self.aws.account_id()
        bucket = physical_name(S3_BUCKET, PROJECT_NAME, self.name, "artifacts", account_id, self.aws.region)
        return ArtifactStore(self.aws.make_client("s3"), bucket=bucket)


def open_target_environment(name: str) -> TargetEnvironment:
    """Find an environment: the emulated account for `local`, the caller's credentials for any other."""
    environment = find_stack_environment(name)
    region = environment.aws_region
    with explain_aws_errors("find the caller's credentials"):
        session = environment.open_session(region)
    return TargetEnvironment(name=name, aws=AwsClients(session=session, region=region, url=environment.aws_url))
