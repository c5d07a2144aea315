"""Scope of a stack's rights and names: one environment in one region of one account."""

from __future__ import annotations

from dataclasses import dataclass

from infra.naming import IAM_ROLE, LOG_GROUP_PREFIX, S3_BUCKET, alert_topic_name, physical_name
from infra.tags import PROJECT_NAME


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Scope of grants.

    Attributes:
        account_id: The AWS account.
        region: Its region.
        environment: The stack's name; resources of others are out of reach.
    """

    account_id: str
    region: str
    environment: str

    @property
    def name_prefix(self) -> str:
        """Prefix of the names of the environment's resources."""
        return f"{PROJECT_NAME}-{self.environment}-"

    def regional_arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource in this account and region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    def named_arn(self, service: str, resource: str) -> str:
        """Return the pattern of the ARNs of resources here whose names begin with the environment's."""
        return self.regional_arn(service, f"{resource}{self.name_prefix}*")

    def iam_arn(self, resource: str) -> str:
        """Return the ARN of something of IAM, which knows no regions."""
        return f"arn:aws:iam::{self.account_id}:{resource}"

    def role_arn(self, purpose: str) -> str:
        """Return the ARN of the environment's role for a purpose."""
        return self.iam_arn(f"role/{role_name(self.environment, purpose)}")

    @property
    def log_groups_arn(self) -> str:
        """The pattern of the ARNs of the environment's log groups."""
        return self.regional_arn("logs", f"log-group:{LOG_GROUP_PREFIX}/{self.environment}/*")

    @property
    def artifact_bucket_arn(self) -> str:
        """The bucket that holds releases."""
        return f"arn:aws:s3:::{self.bucket_name('artifacts')}"

    @property
    def cache_bucket_arn(self) -> str:
        """The bucket that holds what builds reuse."""
        return f"arn:aws:s3:::{self.bucket_name('build-cache')}"

    @property
    def alert_topic_arn(self) -> str:
        """The topic that alerts are published to."""
        return self.regional_arn("sns", alert_topic_name(self.environment))

    def bucket_name(self, purpose: str) -> str:
        """Return the name of one of the environment's buckets; the names of all accounts share one space."""
        return physical_name(S3_BUCKET, PROJECT_NAME, self.environment, purpose, self.account_id, self.region)

    def ec2_arn_patterns(self, *types: str) -> tuple[str, ...]:
        """Return patterns of all EC2 resources of some types, in this account and region."""
        return tuple(self.regional_arn("ec2", f"{type_}/*") for type_ in types)


@dataclass(frozen=True, kw_only=True)
class SecuredScope(Scope):
    """The scope with the key that encrypts what is in it.

    Attributes:
        key_arn: The KMS key.
    """

    key_arn: str


def role_name(environment: str, purpose: str) -> str:
    """Return a role's name; environments of one account have roles of their own."""
    return physical_name(IAM_ROLE, PROJECT_NAME, environment, purpose)
