"""Comparison of prowler's findings with their explanations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from infra.naming import LOG_GROUP_PREFIX
from infra.tags import PROJECT_NAME
from terminal.results import CommandResult, ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from measure.scan.explanations import Explanation
    from measure.scan.prowler import ScanFinding


@dataclass(frozen=True, kw_only=True)
class ScanComparison:
    """Findings of a scan by what is known about them.

    Attributes:
        explained: Number of findings by explanation.
        unexplained: Findings about the environment's resources that have no explanation.
        stale: Explanations that match no finding.
        others: Number of findings about other resources of the account, and about the account itself.
    """

    explained: Mapping[Explanation, int]
    unexplained: Sequence[ScanFinding]
    stale: Sequence[Explanation]
    others: int


def compare_findings(
    findings: Iterable[ScanFinding], explanations: Sequence[Explanation], *, environment: str, state: Mapping[str, Any]
) -> ScanComparison:
    """Compare the findings about an environment's resources with explanations.

    Args:
        findings: Findings about the account.
        explanations: The explanations.
        environment: The environment.
        state: The stack's deployment, as Pulumi exports it.
    """
    found = list(findings)
    ids = set(_resource_ids(state))
    own = [finding for finding in found if _belongs_to_stack(finding, environment, ids)]
    matches = [[each for each in explanations if _explains(each, finding)] for finding in own]
    explained = Counter(each for matched in matches for each in matched)
    return ScanComparison(
        explained=explained,
        unexplained=[finding for finding, matched in zip(own, matches, strict=True) if not matched],
        stale=[each for each in explanations if not explained[each]],
        others=len(found) - len(own),
    )


def comparison_report(compared: ScanComparison, *, stale_is_wrong: bool) -> CommandResult:
    """Return the result of `cfs scan`.

    Args:
        compared: The comparison.
        stale_is_wrong: Whether an explanation that matches no finding is wrong.
    """
    wrong = [("unexplained", finding.check, finding.resource, finding.detail) for finding in compared.unexplained]
    if stale_is_wrong:
        wrong += [("matches nothing", each.check, each.resources, each.reason) for each in compared.stale]
    kinds = Counter[str]()
    for explanation, count in compared.explained.items():
        kinds[explanation.kind] += count
    counts = {**kinds, "unexplained": len(compared.unexplained), "of the account": compared.others}
    table = ResultTable(title="To explain or repair", columns=("", "check", "resource", "what"), rows=wrong)
    return CommandResult(
        table=table if wrong else None,
        notes=[f"findings: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"],
        figures={"counts": counts, "wrong": [list(row) for row in wrong]},
        exit_code=1 if wrong else 0,
    )


def _explains(explanation: Explanation, finding: ScanFinding) -> bool:
    return explanation.check == finding.check and fnmatchcase(finding.resource, explanation.resources)


def _belongs_to_stack(finding: ScanFinding, environment: str, ids: set[str]) -> bool:
    """Return whether the resource has the environment's tags, is in its state, or is one of its log groups."""
    tags = {f"project:{PROJECT_NAME}", f"Environment:{environment}"}
    name = finding.resource.rpartition("/")[2]
    in_logs = f":log-group:{LOG_GROUP_PREFIX}/{environment}/" in finding.resource
    return tags <= set(finding.labels) or in_logs or name in ids or finding.resource in ids


def _resource_ids(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the IDs in the state, and the VPC's default resources, which AWS creates."""
    for resource in state.get("resources", ()):
        outputs = resource.get("outputs", {})
        defaults = (outputs.get(f"default{kind}Id", "") for kind in ("NetworkAcl", "RouteTable", "SecurityGroup"))
        yield from filter(None, (resource.get("id", ""), *defaults))
