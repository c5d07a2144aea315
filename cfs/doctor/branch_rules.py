"""Judges how a branch's rulesets and protection affect the commits of a delivery.

A delivery commits files through GitHub's API with a person's token, so the commits are not signed. Rulesets bind
everybody except their bypass actors; a branch protection binds administrators only if it says so.
https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/available-rules-for-rulesets
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cfs.doctor.github_client import GitHubForbidden, GitHubNotFound
from cfs.doctor.path_patterns import matches_path
from infra.github.delivery import delivered_files, delivery_message, read_delivered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cfs.doctor.github_client import GitHubClient

    Parameters = Mapping[str, Any]

_MEGABYTE = 1 << 20
_NEEDS_CHECKS = "needs checks of each commit before it"

HARMLESS_RULES = frozenset(
    {
        "copilot_code_review",
        "creation",
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "tag_name_pattern",
        "branch_name_pattern",
    }
)
"""Rules that never refuse a commit to an existing branch."""

REFUSING_RULES: Mapping[str, str] = {
    "code_scanning": "needs results of code scanning",
    "merge_queue": "accepts changes only from its merge queue",
    "pull_request": "requires pull requests",
    "required_deployments": "needs deployments of each commit before it",
    "required_signatures": "requires signed commits, and those of a person's token are not signed",
    "required_status_checks": _NEEDS_CHECKS,
    "update": "may be changed only by those who bypass the rule",
    "workflows": "needs workflows that have passed",
}
"""Rules that refuse every commit through the API."""

CREATION_RULES: Mapping[str, str] = {
    "creation": "may be created only by those who bypass the rule",
    "branch_name_pattern": "has a name that a rule forbids",
}
"""Rules that refuse a new branch; `branch_name_pattern` only if the name violates it."""


@dataclass(frozen=True, kw_only=True)
class BranchJudgement:
    """Restrictions of a branch on a delivery.

    Attributes:
        refusals: Reasons why the branch refuses the commits, each a predicate of the branch.
        unmergeable: Those of the refusals that also refuse the merge of a pull request.
        doubts: Reasons why the branch may refuse the commits.
    """

    refusals: tuple[str, ...] = ()
    unmergeable: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def judge_branch(client: GitHubClient, repository: str, branch: str, *, created: bool = False) -> BranchJudgement:
    """Judge whether a branch accepts the commits of a delivery.

    Args:
        client: GitHub client.
        repository: OWNER/NAME.
        branch: Name of the branch.
        created: Whether the delivery may have to create the branch.
    """
    found = _Findings(refusals=[], unmergeable=[], doubts=[])
    for rule in client.get_json(f"repos/{repository}/rules/branches/{branch}", per_page="100").body:
        refusal, is_certain = _judge_rule(rule, branch if created else "")
        if refusal:
            bypass = _read_bypass(client, repository, rule)
            found.add(rule["type"], refusal, bypass=bypass, is_certain=is_certain)
    for refusal, binds_merges in _protection_refusals(_read_protection(client, repository, branch)):
        found.refusals.append(refusal)
        if binds_merges:
            found.unmergeable.append(refusal)
    return BranchJudgement(
        refusals=tuple(found.refusals), unmergeable=tuple(found.unmergeable), doubts=tuple(found.doubts)
    )


@dataclass(frozen=True, kw_only=True)
class _Findings:
    refusals: list[str]
    unmergeable: list[str]
    doubts: list[str]

    def add(self, type_: str, refusal: str, *, bypass: str, is_certain: bool) -> None:
        if bypass in {"always", "exempt"}:
            return
        (self.refusals if is_certain else self.doubts).append(refusal)
        if type_ == "update" and bypass != "pull_requests_only":
            self.unmergeable.append(refusal)


def _judge_rule(rule: Mapping[str, Any], created_branch: str) -> tuple[str, bool]:
    """Return why a rule refuses a delivery, or "", and whether that is certain."""
    type_, parameters = rule["type"], rule.get("parameters") or {}
    if type_ in REFUSING_RULES and parameters.get("required_status_checks") != []:
        return REFUSING_RULES[type_], True
    if created_branch and type_ in CREATION_RULES:
        fits = type_ == "branch_name_pattern" and fits_pattern(parameters, created_branch)
        return "" if fits else CREATION_RULES[type_], True
    if type_ in _PARAMETER_RULES:
        return _PARAMETER_RULES[type_](parameters), True
    return "" if type_ in {
        *HARMLESS_RULES,
        *REFUSING_RULES,
    } else f"has the rule {type_}, which cannot be judged here", False


def _judge_message(parameters: Parameters) -> str:
    messages = map(delivery_message, delivered_files())
    return "" if all(fits_pattern(parameters, of) for of in messages) else "does not accept the commits' messages"


def _judge_paths(parameters: Parameters) -> str:
    restricted = parameters["restricted_file_paths"]
    refused = [path for path in delivered_files() if any(matches_path(pattern, path) for pattern in restricted)]
    return f"does not accept {refused[0]}" if refused else ""


def _judge_path_lengths(parameters: Parameters) -> str:
    longest = max(delivered_files(), key=len)
    return f"does not accept {longest}" if len(longest) > parameters["max_file_path_length"] else ""


def _judge_extensions(parameters: Parameters) -> str:
    restricted = tuple(f".{of.lstrip('*.')}" for of in parameters["restricted_file_extensions"])
    refused = [path for path in delivered_files() if path.endswith(restricted)]
    return f"does not accept {refused[0]}" if refused else ""


def _judge_sizes(parameters: Parameters) -> str:
    largest = max(len(read_delivered(source).encode()) for source in delivered_files().values())
    return "does not accept the files' size" if largest > parameters["max_file_size"] * _MEGABYTE else ""


_PARAMETER_RULES: Mapping[str, Callable[[Parameters], str]] = {
    "commit_message_pattern": _judge_message,
    "file_extension_restriction": _judge_extensions,
    "file_path_restriction": _judge_paths,
    "max_file_path_length": _judge_path_lengths,
    "max_file_size": _judge_sizes,
}


def fits_pattern(parameters: Parameters, text: str) -> bool:
    """Return whether a text satisfies a metadata rule."""
    pattern = parameters["pattern"]
    match parameters["operator"]:
        case "starts_with":
            fits = text.startswith(pattern)
        case "ends_with":
            fits = text.endswith(pattern)
        case "contains":
            fits = pattern in text
        case _:
            fits = re.search(pattern, text) is not None
    return bool(fits) != bool(parameters.get("negate"))


def _read_bypass(client: GitHubClient, repository: str, rule: Mapping[str, Any]) -> str:
    """Return whether the token's owner may bypass a rule's ruleset, in GitHub's words; "never" if it is not shown."""
    try:
        place = f"repos/{repository}/rulesets/{rule['ruleset_id']}"
        return str(client.get_json(place, includes_parents="true").body.get("current_user_can_bypass", "never"))
    except (GitHubNotFound, GitHubForbidden):
        return "never"


def _read_protection(client: GitHubClient, repository: str, branch: str) -> Mapping[str, Any]:
    try:
        body: Mapping[str, Any] = client.get_json(f"repos/{repository}/branches/{branch}/protection").body
    except (GitHubNotFound, GitHubForbidden):
        # The branch is not protected or does not exist. Missing administration rights are a separate finding.
        return {}
    return body


def _protection_refusals(protection: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield the refusals of a branch protection, and whether each also refuses merges.

    Restrictions on who may push (`restrictions`) never bind administrators:
    https://docs.github.com/en/repositories/configuring-branches-and-merges-in-your-repository/managing-protected-branches/about-protected-branches#restrict-who-can-push-to-matching-branches
    """
    if not (protection.get("enforce_admins") or {}).get("enabled"):
        return
    if "required_pull_request_reviews" in protection:
        yield REFUSING_RULES["pull_request"], False
    checks = protection.get("required_status_checks") or {}
    if checks.get("contexts") or checks.get("checks"):
        yield REFUSING_RULES["required_status_checks"], False
    if (protection.get("required_signatures") or {}).get("enabled"):
        yield REFUSING_RULES["required_signatures"], False
    if (protection.get("lock_branch") or {}).get("enabled"):
        yield "is locked", True
