"""Violations of the policies in a preview's JSON, and their Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from cfs.engine import POLICY_EVENTS
from cfs.previews.changes import urn_name, urn_type
from terminal.markdown import code_span, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class PolicyFinding(BaseModel):
    """A violation of a policy.

    Attributes:
        enforcement: `mandatory` if it stops the run.
        resource: The resource's name in the program; "" for the whole stack.
        message: The rule's name, the problem and the repair, in one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enforcement: Literal["mandatory", "advisory"]
    resource: str
    message: str

    @property
    def is_mandatory(self) -> bool:
        """Whether it stops the run."""
        return self.enforcement == "mandatory"

    @property
    def finding_text(self) -> str:
        """The finding in one line."""
        return f"{self.resource or 'the stack'}: {self.message}"


def read_policy_findings(preview: Mapping[str, Any]) -> tuple[PolicyFinding, ...]:
    """Return the policies' findings, mandatory ones first."""
    findings = [_parse_finding(event) for event in preview.get(POLICY_EVENTS, [])]
    return tuple(sorted(findings, key=lambda finding: (not finding.is_mandatory, finding.finding_text)))


def mandatory_findings(findings: Iterable[PolicyFinding]) -> list[PolicyFinding]:
    """Return the findings that stop the run."""
    return [finding for finding in findings if finding.is_mandatory]


def policies_section(findings: Iterable[PolicyFinding]) -> str:
    """Return the findings as Markdown for a comment or a job summary."""
    rows = [
        (
            f"**{finding.enforcement}**" if finding.is_mandatory else finding.enforcement,
            code_span(finding.resource or "stack"),
            finding.message,
        )
        for finding in findings
    ]
    if not rows:
        return "**Policies:** no violation\n"
    return f"**Policies:** violations\n\n{markdown_table(('', 'resource', 'violation'), rows)}"


def _parse_finding(event: Mapping[str, Any]) -> PolicyFinding:
    # The engine puts the policy's description before the message.
    _description, _, message = event["message"].strip().partition("\n")
    urn = event.get("resourceUrn", "")
    return PolicyFinding(
        enforcement="mandatory" if event["enforcementLevel"] == "mandatory" else "advisory",
        resource="" if not urn or urn_type(urn) == "pulumi:pulumi:Stack" else urn_name(urn),
        message=" ".join((message or event["message"]).split()),
    )
