"""The JSON documents in the artifact bucket: a release, an environment's version pointer, its record of roll-outs."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 — pydantic reads the annotations when the program runs
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from terminal.errors import UserError

COMMIT_PATTERN = r"[0-9a-f]{40}"
RELEASE_KEY_PATTERN = rf"releases/{COMMIT_PATTERN}/release\.json"
VERSION_PATTERN = r"v\d+\.\d+\.\d+(-[0-9A-Za-z][0-9A-Za-z.-]*)?"
"""A semantic version with the prefix `v`, or what `git describe` makes of one: `v0.7.0-3-g1f75e51`."""

SHA256_PATTERN = r"[0-9a-f]{64}"

Architecture = Literal["x86_64", "aarch64"]
"""What a tarball of a release was built for, as Rust names it."""

ReleaseCommit = Annotated[str, Field(pattern=f"^{COMMIT_PATTERN}$")]
ReleaseKey = Annotated[str, Field(pattern=f"^{RELEASE_KEY_PATTERN}$")]
ReleaseVersion = Annotated[str, Field(pattern=f"^{VERSION_PATTERN}$", max_length=64)]
Sha256 = Annotated[str, Field(pattern=f"^{SHA256_PATTERN}$")]


def version_key(environment: str) -> str:
    """Name the object that says what a booting node of the environment installs."""
    return f"environments/{environment}/version.json"


def record_key(environment: str) -> str:
    """Name the object that says who deploys to the environment, and how far that is."""
    return f"environments/{environment}/rollout.json"


def applies_key(environment: str) -> str:
    """Name the object that says who has applied changes to the environment's stack."""
    return f"environments/{environment}/applies.json"


class StoredDocument(BaseModel):
    """One of the documents, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    @classmethod
    def parse_document(cls, body: bytes, *, key: str) -> Self:
        """Read a document."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
            raise UserError(
                f"{key} is not what this `cfs` writes: {problems}.",
                repair="deploy with the version of this project that wrote it, or restore an earlier version of "
                "the object (the bucket keeps superseded versions)",
            ) from error

    def to_bytes(self) -> bytes:
        """Return it as it is stored."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


class Artifact(StoredDocument):
    """One tarball of a release.

    Attributes:
        key: Its key in the bucket.
        sha256: Of its content.
        attestation: Key of the bundle that attests who built it from what.
    """

    key: str
    sha256: Sha256
    attestation: str


class Release(StoredDocument):
    """What was built from one commit; nodes install nothing else.

    Attributes:
        schema_version: 1.
        version: What the nodes report when they run it.
        commit: What it was built from.
        repository: Whose attestation nodes accept, as `owner/name`.
        signer_workflow: Path of the workflow file in it that attests.
        artifacts: The tarballs, by architecture.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    version: ReleaseVersion
    commit: ReleaseCommit
    repository: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$")]
    signer_workflow: Annotated[str, Field(pattern=r"^\.github/workflows/[A-Za-z0-9._-]+\.ya?ml$")]
    artifacts: Annotated[dict[Architecture, Artifact], Field(min_length=1)]

    @property
    def object_key(self) -> str:
        """Its key in the bucket."""
        return f"releases/{self.commit}/release.json"

    @property
    def roll_out_target(self) -> ReleaseTarget:
        """What a roll-out of it aims at."""
        return ReleaseTarget(
            release=self.object_key, sha256=hashlib.sha256(self.to_bytes()).hexdigest(), version=self.version
        )


class PointedRelease(StoredDocument):
    """A release as the version pointer names it.

    Attributes:
        release: Key of its `release.json`.
        sha256: Of that file.
    """

    release: ReleaseKey
    sha256: Sha256


class VersionPointer(PointedRelease):
    """What a booting node of an environment installs.

    Attributes:
        schema_version: 1.
        previous: What the pointer named before, and `cfs deploy roll-back` goes back to.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    previous: PointedRelease | None


class ReleaseTarget(PointedRelease):
    """A release that nodes are brought to.

    Attributes:
        version: What they report then.
    """

    version: ReleaseVersion

    @property
    def as_pointed(self) -> PointedRelease:
        """The same as the pointer names it."""
        return PointedRelease(release=self.release, sha256=self.sha256)


RollOutKind = Literal["roll-out", "roll-back"]

RollOutState = Literal["rolling", "settling", "returning"]
"""What an unfinished roll-out is at: the stages; after the pointer has moved, nodes that booted by the old one; after a
stage has failed, the way back."""


class RollOut(StoredDocument):
    """A roll-out that is not finished.

    Attributes:
        kind: Whether it goes to a new release or back to the one before.
        target: Where it goes.
        previous: What the pointer named when it began; None: nothing yet.
        state: What it is at.
        stages_done: Names of the stages that were green.
        touched: Ids of the nodes that were told to install the target; written before they are told.
        reason: Why it is on the way back.
    """

    kind: RollOutKind
    target: ReleaseTarget
    previous: ReleaseTarget | None
    state: RollOutState = "rolling"
    stages_done: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    reason: str = ""


class EndedRollOut(StoredDocument):
    """How the last roll-out ended.

    Attributes:
        kind: Whether it went to a new release or back.
        target: Where it went.
        outcome: Whether it arrived or was taken back.
        reason: Why it was taken back.
        ended: When.
    """

    kind: RollOutKind
    target: ReleaseTarget
    outcome: Literal["done", "returned"]
    reason: str = ""
    ended: datetime


class DeployLease(StoredDocument):
    """Who may deploy to the environment now.

    Attributes:
        holder: Who, for people.
        run: Page of the workflow run that holds it; "" outside one.
        token: Which process, for programs.
        heartbeat: When the holder was last at work.
        expires: When it counts as dead.
    """

    holder: str
    run: str = ""
    token: str
    heartbeat: datetime
    expires: datetime


class DeployRecord(StoredDocument):
    """Who deploys to an environment, and how far that is.

    Attributes:
        schema_version: 1.
        lease: Who holds the lease; None: nobody.
        roll_out: What is not finished; None: nothing.
        last: How the one before ended; None: there was none.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    lease: DeployLease | None = None
    roll_out: RollOut | None = None
    last: EndedRollOut | None = None


class ApplyRun(StoredDocument):
    """A command that may have locked the stack.

    Attributes:
        holder: Who runs it, for people.
        run: Page of the workflow run; "" outside one.
        hostname: Name of its machine.
        began: When it began, by the machine's clock.
    """

    holder: str
    run: str
    hostname: str
    began: datetime


class ApplyRecord(StoredDocument):
    """Who has applied changes to an environment's stack last.

    Attributes:
        schema_version: 1.
        runs: The last ones, the newest last.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    runs: tuple[ApplyRun, ...] = ()
