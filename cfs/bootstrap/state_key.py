"""The KMS key that encrypts an environment's state, and its alias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cfs.aws import AwsError
from cfs.bootstrap.steps import Step
from infra.storage.key_declaration import key_alias, key_description, key_policy, key_tags
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cfs.aws import AwsAccount
    from infra.scope import Scope
    from infra.tags import Tags

IDENTIFYING_TAGS = ("project", "Environment", "Role")
"""Tags that identify a resource's environment and purpose; other tags may change."""

DELETION_DAYS = 30
"""Waiting period in which the deletion of the key can be cancelled: the longest that KMS offers."""


def is_tagged_as(actual: Mapping[str, str], declared: Mapping[str, str]) -> bool:
    """Return whether a resource has the declared identifying tags."""
    return all(actual.get(name) == declared[name] for name in IDENTIFYING_TAGS)


@dataclass(frozen=True, kw_only=True)
class StateKey:
    """The key of one environment, as the stack declares it.

    Attributes:
        aws: The account.
        scope: The environment in the account.
        tags: The stack's tags.
    """

    aws: AwsAccount
    scope: Scope
    tags: Tags

    @property
    def alias(self) -> str:
        """The key's alias."""
        return key_alias(self.scope.environment)

    def steps(self) -> list[Step]:
        """Return the steps that create the key."""
        return [
            Step(title="Create the KMS key of the state", is_done=lambda: bool(self.find_id()), run=self._create_key),
            Step(title=f"Name it {self.alias}", is_done=self._has_alias, run=self._create_alias),
            Step(title="Rotate it every year", is_done=self._is_rotated, run=self._enable_rotation),
        ]

    def find_id(self) -> str:
        """Return the key's ID, or "" if there is none.

        A key without the alias, which an interrupted command may have left, is found by its tags.
        """
        if key_id := self._aliased_id():
            self._require_own(key_id)
            return key_id
        own = [key_id for key_id in self._all_key_ids() if self._is_own(key_id)]
        return next((key_id for key_id in own if self._key_state(key_id) == "Enabled"), "")

    def arn(self) -> str:
        """Return the key's ARN, or "" if there is none."""
        key_id = self.find_id()
        return self.scope.regional_arn("kms", f"key/{key_id}") if key_id else ""

    def schedule_deletion(self) -> None:
        """Remove the alias, and have KMS delete the key after the longest waiting period."""
        key_id = self.find_id()
        if self._aliased_id():
            self.aws.call_operation("kms", "delete_alias", AliasName=self.alias)
        self.aws.call_operation("kms", "schedule_key_deletion", KeyId=key_id, PendingWindowInDays=DELETION_DAYS)

    def _aliased_id(self) -> str:
        aliases = self.aws.list_items("kms", "list_aliases", "Aliases")
        return next((str(found["TargetKeyId"]) for found in aliases if found["AliasName"] == self.alias), "")

    def _all_key_ids(self) -> list[str]:
        return [str(key["KeyId"]) for key in self.aws.list_items("kms", "list_keys", "Keys")]

    def _is_own(self, key_id: str) -> bool:
        try:
            tags = list(self.aws.list_items("kms", "list_resource_tags", "Tags", KeyId=key_id))
        except AwsError as error:
            # Other keys in the account may not allow reading their tags.
            if error.code == "AccessDeniedException":
                return False
            raise
        return is_tagged_as({tag["TagKey"]: tag["TagValue"] for tag in tags}, key_tags(self.tags))

    def _key_state(self, key_id: str) -> str:
        return str(self.aws.call_operation("kms", "describe_key", KeyId=key_id)["KeyMetadata"]["KeyState"])

    def _require_own(self, key_id: str) -> None:
        if not self._is_own(key_id):
            declared = {name: key_tags(self.tags)[name] for name in IDENTIFYING_TAGS}
            raise UserError(
                f"{self.alias} names the key {key_id}, which does not have the tags {declared}: it is not this "
                "environment's.",
                repair=f"see whose it is (`aws kms describe-key --key-id {key_id}`); if nobody needs the alias: "
                f"`aws kms delete-alias --alias-name {self.alias}`",
            )
        state = self._key_state(key_id)
        if state != "Enabled":
            cancel = f"aws kms cancel-key-deletion --key-id {key_id} && " if state == "PendingDeletion" else ""
            raise UserError(
                f"The key {key_id} of {self.alias} is {state}.", repair=f"{cancel}aws kms enable-key --key-id {key_id}"
            )

    def _create_key(self) -> None:
        tags = [{"TagKey": name, "TagValue": value} for name, value in key_tags(self.tags).items()]
        self.aws.call_operation(
            "kms",
            "create_key",
            Description=key_description(self.scope.environment),
            KeySpec="SYMMETRIC_DEFAULT",
            KeyUsage="ENCRYPT_DECRYPT",
            Policy=key_policy(self.scope),
            Tags=tags,
        )

    def _has_alias(self) -> bool:
        return bool(self._aliased_id())

    def _create_alias(self) -> None:
        self.aws.call_operation("kms", "create_alias", AliasName=self.alias, TargetKeyId=self.find_id())

    def _is_rotated(self) -> bool:
        key_id = self.find_id()
        return bool(
            key_id and self.aws.call_operation("kms", "get_key_rotation_status", KeyId=key_id)["KeyRotationEnabled"]
        )

    def _enable_rotation(self) -> None:
        self.aws.call_operation("kms", "enable_key_rotation", KeyId=self.find_id())
