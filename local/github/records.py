"""The stand-in's records.

Records are replaced, never changed; only the objects that contain records (`RepositoryRecord`, `EnvironmentRecord`,
`ServiceState`) are mutable. Everything here can be serialized to JSON and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

Json: TypeAlias = dict[str, Any]
"""A JSON object."""


class FaultName(StrEnum):
    """The faults that can be switched on."""

    BAD_CREDENTIALS = "bad-credentials"
    """401, as for a revoked or expired token."""
    MISSING_OWNER = "missing-owner"
    """404 for the owner and everything they own."""
    MISSING_REPOSITORY = "missing-repository"
    """404 for the repository and its contents."""
    MISSING_WORKFLOW_SCOPE = "missing-workflow-scope"
    """Changes below .github/workflows/ get 404 with a classic token, 403 with a fine-grained one."""
    PRIMARY_RATE_LIMIT = "primary-rate-limit"
    """The hourly limit is exhausted and resets in `seconds`."""
    RATE_LIMIT_REACHED = "rate-limit-reached"
    """Requests succeed, but report that they were the last of the hourly limit, which resets in `seconds`."""
    SECONDARY_RATE_LIMIT = "secondary-rate-limit"
    """Too many requests in a short time, with a Retry-After of `seconds`."""
    SERVER_ERROR = "server-error"
    """GitHub fails with `status`."""
    SLOW = "slow"
    """Every response is delayed by `seconds`."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An active fault; pydantic validates the options."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: FaultName
    requests: Annotated[int, Field(ge=1, strict=True)] | None = None
    """Number of requests still to affect; None means until the fault is switched off."""
    path: str = ""
    """Only requests with this text in their path are affected."""
    status: Literal[403, 429, 500, 502, 503, 504] | None = None
    """The status of a rate limit (default 403) or of a server error (default 502)."""
    seconds: Annotated[float, Field(ge=0)] = 10
    until: int | None = None
    """End of a rate limit, in seconds since the epoch; computed from `seconds`."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user."""

    login: str
    id: int


@dataclass(frozen=True, kw_only=True)
class Person:
    """The author and committer of a commit."""

    name: str
    email: str
    date: str


@dataclass(frozen=True, kw_only=True)
class CommitRecord:
    """A commit; `sha` is Git's hash of the other fields."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    message: str
    author: Person


@dataclass(kw_only=True)
class Objects:
    """The repository's Git objects by hash."""

    blobs: dict[str, str] = field(default_factory=dict)
    """Content in Base64."""
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    """Root trees only, flattened: each blob's hash by the file's full path."""
    commits: dict[str, CommitRecord] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An Actions variable."""

    name: str
    value: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, kw_only=True)
class Secret:
    """An Actions secret, encrypted as received."""

    name: str
    key_id: str
    encrypted_value: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """The key pair for Actions secrets. The private key never leaves the state file."""

    key_id: str
    public: str
    private: str


@dataclass(frozen=True, kw_only=True)
class BranchPolicy:
    """A pattern of branches or tags that may deploy to an environment."""

    id: int
    name: str
    type: str


@dataclass(kw_only=True)
class EnvironmentRecord:
    """A deployment environment with its contents."""

    id: int
    name: str
    created_at: str
    updated_at: str
    settings: Json = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    policies: dict[int, BranchPolicy] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request between two branches of the repository."""

    id: int
    number: int
    title: str
    body: str | None
    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool
    maintainer_can_modify: bool
    state: str
    created_at: str
    updated_at: str
    closed_at: str | None = None
    merged_at: str | None = None


@dataclass(frozen=True, kw_only=True)
class IssueComment:
    """A comment on a pull request."""

    id: int
    number: int
    body: str
    created_at: str
    updated_at: str


@dataclass(frozen=True, kw_only=True)
class Ruleset:
    """A ruleset of the repository; `settings` are as the client sent them."""

    id: int
    settings: Json


@dataclass(kw_only=True)
class ActionsSettings:
    """The repository's settings of GitHub Actions; the defaults are those of a new repository."""

    permissions: Json = field(
        default_factory=lambda: {"enabled": True, "allowed_actions": "all", "sha_pinning_required": False},
    )
    workflow: Json = field(
        default_factory=lambda: {
            "default_workflow_permissions": "read",
            "can_approve_pull_request_reviews": False,
        },
    )
    # Repositories created since July 2026 have a subject that also contains their IDs.
    oidc: Json = field(default_factory=lambda: {"use_default": True, "use_immutable_subject": True})


@dataclass(kw_only=True)
class RepositoryRecord:
    """The only repository with its contents."""

    id: int
    name: str
    created_at: str
    updated_at: str
    pushed_at: str
    key: KeyPair
    settings: Json = field(default_factory=dict)
    default_branch: str = "main"
    objects: Objects = field(default_factory=Objects)
    refs: dict[str, str] = field(default_factory=dict)
    """Commit hashes by the full name of the reference (`refs/heads/main`)."""
    variables: dict[str, Variable] = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    environments: dict[str, EnvironmentRecord] = field(default_factory=dict)
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    comments: dict[int, IssueComment] = field(default_factory=dict)
    rulesets: dict[int, Ruleset] = field(default_factory=dict)
    protections: dict[str, Json] = field(default_factory=dict)
    """Branch protection settings, as the client sent them, by branch name."""
    actions: ActionsSettings = field(default_factory=ActionsSettings)


@dataclass(kw_only=True)
class ServiceState:
    """The stand-in's whole state."""

    owner: Account
    repository: RepositoryRecord
    last_id: int
    faults: dict[FaultName, Fault] = field(default_factory=dict)

    def new_id(self) -> int:
        """Return an unused record id."""
        self.last_id += 1
        return self.last_id
