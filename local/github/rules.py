"""GitHub's rules of rulesets, and what a branch protection demands, each with what it refuses and in which words.

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

ChangeKind: TypeAlias = Literal["create", "update", "delete"]

PULL_REQUEST_DEMAND = "Changes must be made through a pull request."
_SIGNATURE_DEMAND = "Commits must have verified signatures."
_MEGABYTE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class NewCommit:
    """A commit that the API makes: it is not signed, and changes one file.

    Attributes:
        message: Its message.
        email: The address of its author and committer.
        path: The file.
        size: The file's new length in bytes; 0 where it is deleted.
    """

    message: str
    email: str
    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class BranchChange:
    """What would happen to a branch.

    Attributes:
        branch: Its name.
        kind: What.
        commit: The new commit; None where the branch moves to one that is there.
        forced: Whether its commits so far are left.
    """

    branch: str
    kind: ChangeKind
    commit: NewCommit | None = None
    forced: bool = False


def rule_violation(rule: Json, change: BranchChange) -> str:
    """Return what GitHub says where a rule refuses a change, or ""."""
    parameters = rule.get("parameters") or {}
    type_ = rule["type"]
    if change.kind == "delete":
        return "Cannot delete this protected ref." if type_ == "deletion" else ""
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
    """Return that checks are missing, which no new commit has; "" where none is required."""
    names = list(contexts)
    if len(names) == 1:
        return f'Required status check "{names[0]}" is expected.'
    return f"{len(names)} of {len(names)} required status checks are expected." if names else ""


def protection_violation(protection: Json, *, signs: bool) -> str:
    """Return what GitHub says where a branch protection that binds administrators refuses a commit, or "".

    Args:
        protection: As the client sent it. Who may push never binds administrators.
        signs: Whether it demands signed commits, which is set apart.
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
