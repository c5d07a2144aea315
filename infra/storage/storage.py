"""The buckets for the stack's state, ClaudeFS's releases and the build cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.component import Component
from infra.storage.bucket import PrivateBucket, PrivateBucketArgs
from infra.storage.bucket_rules import ARTIFACT_LIFECYCLE, BUILD_CACHE_LIFECYCLE, STATE_LIFECYCLE, Lifecycle

if TYPE_CHECKING:
    from infra.stack_context import SecuredStack
    from infra.tags import ResourceRole


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    """Inputs of the buckets.

    Attributes:
        stack: The stack.
        adopt_state_bucket: Name of an existing bucket that becomes the state bucket, or "".
        artifacts_protected: Whether Pulumi refuses to delete or replace the artifact bucket.
    """

    stack: SecuredStack
    adopt_state_bucket: str
    artifacts_protected: bool


class Storage(Component):
    """The state bucket, which the stack never deletes, the artifact bucket and the build cache.

    Attributes:
        state_bucket: Name of the bucket for Pulumi's state.
        state_bucket_arn: ARN of the state bucket.
        artifact_bucket: Name of the bucket for releases.
        artifact_bucket_arn: ARN of the artifact bucket.
        cache_bucket: Name of the bucket for the build cache.
        cache_bucket_arn: ARN of the cache bucket.
    """

    state_bucket: pulumi.Output[str]
    state_bucket_arn: pulumi.Output[str]
    artifact_bucket: pulumi.Output[str]
    artifact_bucket_arn: pulumi.Output[str]
    cache_bucket: pulumi.Output[str]
    cache_bucket_arn: pulumi.Output[str]

    def __init__(self, name: str, *, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the buckets."""
        super().__init__(name, opts=opts)
        self._args = args
        state = self._declare_bucket(
            "state",
            lifecycle=STATE_LIFECYCLE,
            adopted_bucket=args.adopt_state_bucket,
            protected=True,
            retain_on_delete=True,
        )
        artifacts = self._declare_bucket("artifacts", lifecycle=ARTIFACT_LIFECYCLE, protected=args.artifacts_protected)
        cache = self._declare_bucket("build-cache", lifecycle=BUILD_CACHE_LIFECYCLE)
        self.state_bucket, self.state_bucket_arn = state.bucket, state.arn
        self.artifact_bucket, self.artifact_bucket_arn = artifacts.bucket, artifacts.arn
        self.cache_bucket, self.cache_bucket_arn = cache.bucket, cache.arn
        self.register_declared_outputs()

    def _declare_bucket(
        self,
        role: ResourceRole,
        *,
        lifecycle: Lifecycle,
        adopted_bucket: str = "",
        protected: bool = False,
        retain_on_delete: bool = False,
    ) -> PrivateBucket:
        args = self._args
        name = args.stack.scope.apply(lambda scope: scope.bucket_name(role))
        return PrivateBucket(
            role,
            args=PrivateBucketArgs(
                name=pulumi.Output.from_input(adopted_bucket) if adopted_bucket else name,
                adopted_bucket=adopted_bucket,
                key_arn=args.stack.key_arn,
                lifecycle=lifecycle,
                protected=protected,
                retain_on_delete=retain_on_delete,
                tags=args.stack.tags.for_resource(role, role=role),
            ),
            opts=self.child_options(),
        )
