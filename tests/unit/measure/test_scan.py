"""The scan's comparison, and the explanations on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from measure.scan.comparison import compare_findings, comparison_report
from measure.scan.explanations import EXPLANATIONS, Explanation, ReasonKind
from measure.scan.prowler import read_findings

PAGE = Path(__file__).parents[3] / "docs" / "security.md"
TAGS = ["project:claudefs", "Environment:local"]
KNOWN = Explanation(check="flow_logs", resources="*:vpc/*", kind=ReasonKind.DECIDED, reason="They cost money.")


def entry(resource: str, *, check: str = "flow_logs", status: str = "FAIL", labels: list[str] | None = None) -> Any:
    return {
        "status_code": status,
        "status_detail": "are disabled",
        "metadata": {"event_code": check},
        "resources": [{"uid": f"arn:aws:ec2:us-west-2:111122223333:{resource}", "labels": labels or []}],
    }


def test_a_scan_fails_for_findings_without_explanation_and_explanations_without_finding() -> None:
    report = [
        entry("vpc/vpc-1", labels=TAGS),
        entry("vpc/vpc-2", status="PASS", labels=TAGS),
        entry("network-acl/acl-1"),
        entry("vpc/vpc-3", labels=[TAGS[0], "Environment:staging"]),
        entry("snapshot/snap-1", check="public"),
    ]
    state = {"resources": [{"id": "vpc-1", "outputs": {"defaultNetworkAclId": "acl-1"}}]}
    gone = replace(KNOWN, check="gone")

    compared = compare_findings(read_findings(report), (KNOWN, gone), environment="local", state=state)

    assert compared.explained == {KNOWN: 1}
    assert [finding.resource.rpartition("/")[2] for finding in compared.unexplained] == ["acl-1"]
    assert compared.stale == [gone]
    assert compared.others == 2
    assert comparison_report(replace(compared, unexplained=[]), stale_is_wrong=False).exit_code == 0
    assert comparison_report(replace(compared, unexplained=[]), stale_is_wrong=True).exit_code == 1
    assert comparison_report(replace(compared, stale=[]), stale_is_wrong=True).exit_code == 1


def test_the_page_has_each_explanation() -> None:
    rows = [f"| `{each.check}` | `{each.resources}` | {each.kind} | {each.reason} |" for each in EXPLANATIONS]
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert len(rows) > 20
    assert table == rows, "\n".join(rows)
