"""S3: tags of a new bucket, lifecycle rules that keep a number of versions, and buckets with many versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import xmltodict
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response
from moto.s3.utils import _VersionedKeyStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.core.responses import ActionResult


def close_s3_gaps() -> None:
    """Close the gaps of this service."""
    _tag_buckets_at_creation()
    _keep_newest_superseded_versions()
    _leave_policies_to_the_gate()
    _delete_versions_quickly()


def _tag_buckets_at_creation() -> None:
    bucket_response_put = S3Response._bucket_response_put  # noqa: SLF001 — only this method creates buckets

    def put_tagged_bucket(self: S3Response, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = bucket_response_put(self, request, bucket_name, querystring)
        if not querystring and self.body:
            tags = xmltodict.parse(self.body, force_list=("Tag",)).get("CreateBucketConfiguration", {}).get("Tags")
            if tags:
                by_key = {tag["Key"]: tag["Value"] or "" for tag in tags["Tag"]}
                self.backend.put_bucket_tagging(bucket_name, by_key)
        return answer

    S3Response._bucket_response_put = put_tagged_bucket  # noqa: SLF001


def _keep_newest_superseded_versions() -> None:
    """Store and return the number of noncurrent versions that a lifecycle rule keeps, which moto ignores."""
    set_lifecycle: Callable[[FakeBucket, list[dict[str, Any]]], None] = FakeBucket.set_lifecycle
    get_lifecycle: Callable[[S3Response], Any] = S3Response.get_bucket_lifecycle

    def set_whole_lifecycle(self: FakeBucket, rules: list[dict[str, Any]]) -> None:
        set_lifecycle(self, rules)
        for rule, given in zip(self.rules, rules, strict=True):
            rule.newest_kept = given.get("NoncurrentVersionExpiration", {}).get("NewerNoncurrentVersions")

    def get_whole_lifecycle(self: S3Response) -> Any:
        serialized: Callable[[ActionResult], Any] = self.serialized

        def with_newest_kept(answer: ActionResult) -> Any:
            result = cast("Any", answer.result)
            # Errors are also serialized here.
            answered_rules = result["Rules"] if isinstance(result, dict) and "Rules" in result else []
            for rule, answered in zip(self.backend.get_bucket(self.bucket_name).rules, answered_rules, strict=False):
                if rule.newest_kept is not None:
                    answered["NoncurrentVersionExpiration"]["NewerNoncurrentVersions"] = rule.newest_kept
            return serialized(answer)

        self.serialized = with_newest_kept
        return get_lifecycle(self)

    FakeBucket.set_lifecycle = set_whole_lifecycle
    S3Response.get_bucket_lifecycle = get_whole_lifecycle


def _leave_policies_to_the_gate() -> None:
    """Leave bucket policies to `local.aws.iam`; moto ignores their principals and conditions."""
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL


def _delete_versions_quickly() -> None:
    """Delete a version in time proportional to the number of versions; moto needs its square, minutes for a state."""

    def set_versions(self: _VersionedKeyStore, key: str, versions: list[Any]) -> None:
        kept = {*map(id, versions)}
        for version in self.getlist(key, []):
            if id(version) not in kept and hasattr(version, "dispose"):
                version.dispose()
        dict.__setitem__(self, key, versions)

    _VersionedKeyStore.setlist = set_versions
