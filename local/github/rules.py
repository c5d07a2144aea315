"""Rules of rulesets and requirements of branch protection, each with GitHub's message for a violation.

https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/available-rules-for-rulesets
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cfs.doctor.path_patterns import matches_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.github.records import Json

ChangeKind: TypeAlias = Literal["create", "update", "delete", "merge"]

PULL_REQUEST_DEMAND = "Changes must be made through a pull request."
_SIGNATURE_DEMAND = "Commits must have verified signatures."
_MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class NewCommit:
    """A commit created by the API: unsigned, with a change of one file.

    Attributes:
        message: The commit message.
        email: Email address of the author and committer.
        path: The changed file.
        size: The file's new size in bytes; 0 if it is deleted.
    """

    message: str
    email: str
    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class BranchChange:
    """A requested change of a branch.

    Attributes:
        branch: The branch's name.
        kind: The kind of change.
        commit: The new commit; None if the branch moves to an existing one.
        forced: Whether the change is not a fast-forward.
    """

    branch: str
    kind: ChangeKind
    commit: NewCommit | None = None
    forced: bool = False


def rule_violation(rule: Json, change: BranchChange) -> str:
    """Return GitHub's message if a rule forbids a change, or ""."""
    parameters = rule.get("parameters") or {}
    type_ = rule["type"]
    if change.kind in _ONLY_DEMANDS:
        return _ONLY_DEMANDS[change.kind].get(type_, "")
    if change.kind == "create":
        return _creation_violation(type_, parameters, change.branch)
    if type_ == "non_fast_forward":
        return "Cannot force-push to this branch." if change.forced else ""
    if type_ == "required_status_checks":
        return missing_checks(check["context"] for check in parameters["required_status_checks"])
    if type_ in _FILE_RULES:
        return _FILE_RULES[type_](parameters, change.commit) if change.commit else ""
    return _UPDATE_DEMANDS.get(type_, "")


def _creation_violation(type_: str, parameters: Json, branch: str) -> str:
    if type_ == "creation":
        return "Cannot create ref due to creations being restricted."
    is_misnamed = type_ == "branch_name_pattern" and not _fits_pattern(parameters, branch)
    return "Branch name must match a given pattern." if is_misnamed else ""


_ONLY_DEMANDS: Mapping[str, Mapping[str, str]] = {
    "delete": {"deletion": "Cannot delete this protected ref."},
    "merge": {"update": "Cannot update this protected ref."},
}
"""The rules that refuse a deletion, and a merge that all reviews and checks allow."""

_UPDATE_DEMANDS: Mapping[str, str] = {
    "code_scanning": "Code scanning is waiting for results.",
    "merge_queue": "Changes must be made through the merge queue.",
    "pull_request": PULL_REQUEST_DEMAND,
    "required_deployments": "Required deployments are missing.",
    "required_signatures": _SIGNATURE_DEMAND,
    "update": "Cannot update this protected ref.",
    "workflows": "Required workflows have not succeeded.",
}


def missing_checks(contexts: Iterator[str]) -> str:
    """Return the message about missing status checks, which a new commit never has; "" if none are required."""
    names = list(contexts)
    if len(names) == 1:
        return f'Required status check "{names[0]}" is expected.'
    return f"{len(names)} of {len(names)} required status checks are expected." if names else ""


def protection_violation(protection: Json, *, signs: bool) -> str:
    """Return GitHub's message if a branch protection that includes administrators forbids a commit, or "".

    Args:
        protection: The protection, as the client sent it. Its push restrictions never apply to administrators.
        signs: Whether it requires signed commits, which is a separate setting.
    """
    checks = protection.get("required_status_checks") or {}
    contexts = [*checks.get("contexts", ()), *(check["context"] for check in checks.get("checks", ()))]
    demands = (
        "Branch is locked." if protection.get("lock_branch") else "",
        PULL_REQUEST_DEMAND if protection.get("required_pull_request_reviews") is not None else "",
        missing_checks(iter(dict.fromkeys(contexts))),
        _SIGNATURE_DEMAND if signs else "",
    )
    return next(filter(None, demands), "")


def _fits_pattern(parameters: Json, text: str) -> bool:
    pattern = parameters["pattern"]
    expression = {
        "starts_with": f"^{re.escape(pattern)}",
        "ends_with": f"{re.escape(pattern)}$",
        "contains": re.escape(pattern),
        "regex": pattern,
    }[parameters["operator"]]
    return bool(re.search(expression, text)) is not parameters.get("negate", False)


def _refuse_path(parameters: Json, commit: NewCommit) -> str:
    restricted = any(matches_path(pattern, commit.path) for pattern in parameters["restricted_file_paths"])
    return f"File path {commit.path} is restricted." if restricted else ""


def _refuse_extension(parameters: Json, commit: NewCommit) -> str:
    endings = tuple(pattern.removeprefix("*") for pattern in parameters["restricted_file_extensions"])
    return f"The extension of {commit.path} is restricted." if commit.path.endswith(endings) else ""


_FILE_RULES: Mapping[str, Callable[[Json, NewCommit], str]] = {
    "commit_message_pattern": lambda parameters, commit: (
        "" if _fits_pattern(parameters, commit.message) else "Commit message must match a given pattern."
    ),
    "commit_author_email_pattern": lambda parameters, commit: (
        "" if _fits_pattern(parameters, commit.email) else "Author email must match a given pattern."
    ),
    "committer_email_pattern": lambda parameters, commit: (
        "" if _fits_pattern(parameters, commit.email) else "Committer email must match a given pattern."
    ),
    "file_extension_restriction": _refuse_extension,
    "file_path_restriction": _refuse_path,
    "max_file_path_length": lambda parameters, commit: (
        "File path is too long." if len(commit.path) > parameters["max_file_path_length"] else ""
    ),
    "max_file_size": lambda parameters, commit: (
        "File is too large." if commit.size > parameters["max_file_size"] * _MEGABYTE else ""
    ),
}
