"""Scope of a stack's grants and names: one environment in one region of one account."""

from __future__ import annotations

from dataclasses import dataclass

from infra.naming import (
    IAM_ROLE,
    LOG_GROUP_PREFIX,
    S3_BUCKET,
    agents_mode_name,
    alert_topic_name,
    physical_name,
)
from infra.tags import PROJECT_NAME


@dataclass(frozen=True, kw_only=True)
class Scope:
    """One environment in one region of one account.

    Attributes:
        account_id: ID of the AWS account.
        region: AWS region.
        environment: The stack's name; grants exclude the resources of other stacks.
    """

    account_id: str
    region: str
    environment: str

    @property
    def name_prefix(self) -> str:
        """Name prefix of the environment's resources."""
        return f"{PROJECT_NAME}-{self.environment}-"

    def regional_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def named_arn(self, service: str, resource: str) -> str:
        """Return an ARN pattern for resources of this account and region with the environment's name prefix."""
        return self.regional_arn(service, f"{resource}{self.name_prefix}*")

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of an IAM resource, which has no region."""
        return f"arn:aws:iam::{self.account_id}:{resource}"

    def role_arn(self, purpose: str) -> str:
        """Return the ARN of the environment's role for a purpose."""
        return self.iam_arn(f"role/{role_name(self.environment, purpose)}")

    @property
    def log_groups_arn(self) -> str:
        """ARN pattern of the environment's log groups."""
        return self.regional_arn("logs", f"log-group:{LOG_GROUP_PREFIX}/{self.environment}/*")

    @property
    def artifact_bucket_arn(self) -> str:
        """ARN of the bucket that holds releases."""
        return f"arn:aws:s3:::{self.bucket_name('artifacts')}"

    @property
    def cache_bucket_arn(self) -> str:
        """ARN of the bucket that holds the build cache."""
        return f"arn:aws:s3:::{self.bucket_name('build-cache')}"

    @property
    def alert_topic_arn(self) -> str:
        """ARN of the topic that alerts are published to."""
        return self.regional_arn("sns", alert_topic_name(self.environment))

    @property
    def agents_mode_arn(self) -> str:
        """ARN of the parameter with the agents' mode."""
        return self.regional_arn("ssm", f"parameter/{agents_mode_name(self.environment)}")

    def bucket_name(self, purpose: str) -> str:
        """Return the name of one of the environment's buckets; bucket names are unique across all accounts."""
        return physical_name(S3_BUCKET, PROJECT_NAME, self.environment, purpose, self.account_id, self.region)

    def ec2_arn_patterns(self, *types: str) -> tuple[str, ...]:
        """Return ARN patterns for all EC2 resources of the given types in this account and region."""
        return tuple(self.regional_arn("ec2", f"{type_}/*") for type_ in types)


@dataclass(frozen=True, kw_only=True)
class SecuredScope(Scope):
    """The scope with its encryption key.

    Attributes:
        key_arn: ARN of the KMS key.
    """

    key_arn: str


def role_name(environment: str, purpose: str) -> str:
    """Return a role's name, which is unique per environment."""
    return physical_name(IAM_ROLE, PROJECT_NAME, environment, purpose)
