"""JSON documents in the artifact bucket: releases, and each environment's version pointer and deploy record."""

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
"""A semantic version with the prefix `v`, or the output of `git describe`: `v0.7.0-3-g1f75e51`."""

SHA256_PATTERN = r"[0-9a-f]{64}"

Architecture = Literal["x86_64", "aarch64"]
"""Architecture of a tarball, in Rust's terms."""

ReleaseCommit = Annotated[str, Field(pattern=f"^{COMMIT_PATTERN}$")]
ReleaseKey = Annotated[str, Field(pattern=f"^{RELEASE_KEY_PATTERN}$")]
ReleaseVersion = Annotated[str, Field(pattern=f"^{VERSION_PATTERN}$", max_length=64)]
Sha256 = Annotated[str, Field(pattern=f"^{SHA256_PATTERN}$")]


def version_key(environment: str) -> str:
    """Return the key of an environment's version pointer."""
    return f"environments/{environment}/version.json"


def record_key(environment: str) -> str:
    """Return the key of an environment's deploy record."""
    return f"environments/{environment}/rollout.json"


def applies_key(environment: str) -> str:
    """Return the key of the record of recent applies to an environment's stack."""
    return f"environments/{environment}/applies.json"


class StoredDocument(BaseModel):
    """A document, or a part of one."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    @classmethod
    def parse_document(cls, body: bytes, *, key: str) -> Self:
        """Parse a document; errors name `key`."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())
            raise UserError(
                f"{key} is not in the format of this `cfs`: {problems}.",
                repair="deploy with the version of this project that wrote it, or restore an earlier version of "
                "the object (the bucket keeps superseded versions)",
            ) from error

    def to_bytes(self) -> bytes:
        """Return the stored form."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


class Artifact(StoredDocument):
    """A tarball of a release: its key, its SHA-256, and the key of its attestation's bundle."""

    key: str
    sha256: Sha256
    attestation: str


class Release(StoredDocument):
    """A build of one commit; nodes install nothing else.

    Attributes:
        schema_version: 1.
        version: Version that nodes report when they run it.
        commit: The built commit.
        repository: `owner/name` of the repository whose attestation nodes accept.
        signer_workflow: Path in it of the workflow that attests.
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
        """Key in the bucket."""
        return f"releases/{self.commit}/release.json"

    @property
    def roll_out_target(self) -> ReleaseTarget:
        """The release as the target of a roll-out."""
        return ReleaseTarget(
            release=self.object_key, sha256=hashlib.sha256(self.to_bytes()).hexdigest(), version=self.version
        )


class PointedRelease(StoredDocument):
    """Key and SHA-256 of a `release.json`."""

    release: ReleaseKey
    sha256: Sha256


class VersionPointer(PointedRelease):
    """Release that a booting node of an environment installs; `cfs deploy roll-back` returns to `previous`."""

    schema_version: Literal[1] = Field(alias="schema", default=1)
    previous: PointedRelease | None


class ReleaseTarget(PointedRelease):
    """A release, and the version that nodes report when they run it."""

    version: ReleaseVersion

    @property
    def as_pointed(self) -> PointedRelease:
        """The release without its version."""
        return PointedRelease(release=self.release, sha256=self.sha256)


RollOutKind = Literal["roll-out", "roll-back"]

RollOutState = Literal["rolling", "settling", "returning"]
"""Phase of an unfinished roll-out. `rolling`: its stages; `settling`: installation on nodes that booted before the
pointer moved; `returning`: return of nodes to the previous release."""


class RollOut(StoredDocument):
    """An unfinished roll-out.

    Attributes:
        kind: `roll-out` to a new release, or `roll-back` to the one before.
        target: The release to install.
        previous: The release that the pointer named at the start; None before the first deployment.
        state: The phase.
        stages_done: Names of the green stages.
        touched: IDs of the nodes on which the target was or is being installed; written before the command is sent.
        reason: Why nodes are being returned, or "".
    """

    kind: RollOutKind
    target: ReleaseTarget
    previous: ReleaseTarget | None
    state: RollOutState = "rolling"
    stages_done: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    reason: str = ""


class EndedRollOut(StoredDocument):
    """The last finished roll-out; `reason` says why it was returned."""

    kind: RollOutKind
    target: ReleaseTarget
    outcome: Literal["done", "returned"]
    reason: str = ""
    ended: datetime


class DeployLease(StoredDocument):
    """Exclusive right to deploy to an environment.

    Attributes:
        holder: Name for people.
        run: Page of the workflow run that holds it; "" outside one.
        token: Unique ID of the process.
        heartbeat: Last renewal.
        expires: Expiry unless renewed.
    """

    holder: str
    run: str = ""
    token: str
    heartbeat: datetime
    expires: datetime


class DeployRecord(StoredDocument):
    """Deploy record of an environment: the lease, the unfinished roll-out, and the last finished one, each if any."""

    schema_version: Literal[1] = Field(alias="schema", default=1)
    lease: DeployLease | None = None
    roll_out: RollOut | None = None
    last: EndedRollOut | None = None


class ApplyRun(StoredDocument):
    """A command that may have locked the stack.

    Attributes:
        holder: Name for people: actor and workflow run, or user, machine and process.
        run: Page of the workflow run; "" outside one.
        hostname: Name of the machine.
        began: Start time by the machine's clock.
    """

    holder: str
    run: str
    hostname: str
    began: datetime


class ApplyRecord(StoredDocument):
    """Recent commands that may have locked an environment's stack.

    Attributes:
        schema_version: 1.
        runs: The commands, newest last.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    runs: tuple[ApplyRun, ...] = ()
