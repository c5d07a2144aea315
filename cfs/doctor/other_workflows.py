"""Judges workflows that this project does not deliver, and that would fail once its stack restricts Actions."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import yaml

from cfs.doctor.findings import doubtful_finding, good_finding
from cfs.doctor.github_client import GitHubForbidden, GitHubNotFound
from infra.github.delivery import delivered_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.doctor.findings import Finding
    from cfs.doctor.github_client import GitHubClient

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_ACTION = re.compile(r"(?:.*/)?action\.ya?ml")
_PINNED = re.compile(r"\./.*|\$/.*|docker://.*@sha256:[0-9a-f]{64}|[^@]+@[0-9a-f]{40}")


def judge_other_workflows(client: GitHubClient, repository: dict[str, Any]) -> Iterator[Finding]:
    """Judge workflows and composite actions by the policies that the stack enables: pinned actions, read-only tokens.

    https://github.blog/changelog/2025-08-15-github-actions-policy-now-supports-blocking-and-sha-pinning-actions/
    """
    permissions = f"repos/{repository['full_name']}/actions/permissions"
    try:
        requires_pins = client.get_json(permissions).body.get("sha_pinning_required")
        writes = client.get_json(f"{permissions}/workflow").body["default_workflow_permissions"] == "write"
    except (GitHubNotFound, GitHubForbidden):
        return
    if requires_pins and not writes:
        yield good_finding("other workflows", "Actions must already be pinned, and tokens are read-only by default.")
        return
    files = _read_other_files(client, repository["full_name"], repository["default_branch"])
    unpinned = [f"{path}: {', '.join(uses)}" for path, content in files.items() if (uses := unpinned_uses(content))]
    if unpinned and not requires_pins:
        yield doubtful_finding(
            "other workflows",
            f"After a deployment GitHub refuses actions that are not pinned by commit: {'; '.join(unpinned)}.",
            repair="pin them (`uses: OWNER/NAME@COMMIT # VERSION`), or delete the files that delivered ones replace: "
            "docs/workflows.md",
        )
    writing = [
        path for path, content in files.items() if writes and _WORKFLOW.fullmatch(path) and is_unlimited(content)
    ]
    if writing:
        yield doubtful_finding(
            "other workflows",
            "A deployment makes the tokens of workflows without `permissions` read-only: " + ", ".join(writing) + ".",
            repair="give the jobs that write `permissions:`, such as `contents: write`",
        )


def unpinned_uses(content: Mapping[str, Any]) -> list[str]:
    """Return the actions and reusable workflows that a workflow or a composite action uses without pinning them."""
    jobs = [*_jobs(content), content.get("runs") or {}]
    steps = [step for job in jobs for step in [job, *(job.get("steps") or [])]]
    named = dict.fromkeys(step["uses"] for step in steps if "uses" in step)
    return [uses for uses in named if not _PINNED.fullmatch(uses)]


def is_unlimited(workflow: Mapping[str, Any]) -> bool:
    """Return whether a job of a workflow gets a token with the repository's default permissions."""
    return "permissions" not in workflow and any("permissions" not in job for job in _jobs(workflow))


def _jobs(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [job for job in (content.get("jobs") or {}).values() if isinstance(job, dict)]


def _read_other_files(client: GitHubClient, repository: str, branch: str) -> dict[str, dict[str, Any]]:
    tree = client.get_json(f"repos/{repository}/git/trees/{branch}", recursive="1").body["tree"]
    paths = [entry["path"] for entry in tree if entry["type"] == "blob"]
    others = [path for path in paths if _WORKFLOW.fullmatch(path) or _ACTION.fullmatch(path)]
    return {path: _read_file(client, repository, branch, path) for path in others if path not in delivered_files()}


def _read_file(client: GitHubClient, repository: str, branch: str, path: str) -> dict[str, Any]:
    body = client.get_json(f"repos/{repository}/contents/{path}", ref=branch).body
    try:
        content = yaml.safe_load(base64.b64decode(body["content"]))
    except yaml.YAMLError:
        # GitHub does not run it either.
        return {}
    return content if isinstance(content, dict) else {}
