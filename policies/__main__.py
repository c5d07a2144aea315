"""Runs the policy pack for Pulumi's engine.

The policy SDK decodes a resource once for each policy. The rules therefore share one policy for each way of checking
and enforcing, and messages begin with the rule's name.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

from policies.exemptions import EXEMPTIONS_FILE, parse_exemptions, violation_message
from policies.model import UNKNOWN, CheckedResource, Violation
from policies.rules import RESOURCE_RULES, STACK_RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_policy import (
        PolicyResource,
        ReportViolation,
        ResourceValidationArgs,
        StackValidationArgs,
    )

    from policies.model import Enforcement

gc.disable()  # This process lives for seconds, and what it imports is never freed.

_EXEMPTIONS = parse_exemptions(EXEMPTIONS_FILE.read_text(encoding="utf-8"))
_TODAY = datetime.now(UTC).date()


def _known_value(container: Any, key: Any) -> Any:
    try:
        return _plain_value(container[key])
    except UnknownValueError:
        return UNKNOWN


def _plain_value(value: Any) -> Any:
    """Convert the SDK's containers, which raise an error when an unknown value is read, to plain ones."""
    if isinstance(value, Mapping):
        return {key: _known_value(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known_value(value, index) for index in range(len(value))]
    return value


def _checked_resource(args: ResourceValidationArgs | PolicyResource) -> CheckedResource:
    provider = args.provider.props if args.provider else {}
    bucket = getattr(args, "property_dependencies", {}).get("bucket", [])
    region = _plain_value(provider).get("region")
    return CheckedResource(
        type=args.resource_type,
        name=args.name,
        properties=_plain_value(args.props),
        urn=args.urn,
        protected=args.opts.protect,
        ignores_tags="tags" in args.opts.ignore_changes,
        bucket_urns=frozenset(resource.urn for resource in bucket),
        region=region if isinstance(region, str) else "",
    )


def _check_resource(enforcement: Enforcement) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    rules = [rule for rule in RESOURCE_RULES if rule.enforcement == enforcement]

    def report_problems(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not args.resource_type.startswith("aws:"):
            return
        resource = _checked_resource(args)
        for rule in rules:
            for problem in rule.find_problems(resource):
                violation = Violation(resource=resource, problem=problem)
                if message := violation_message(rule, violation, _EXEMPTIONS, today=_TODAY):
                    report(message, None)

    return report_problems


def _check_stack(args: StackValidationArgs, report: ReportViolation) -> None:
    resources = [_checked_resource(each) for each in args.resources if each.resource_type.startswith("aws:")]
    for rule in STACK_RULES:
        for violation in rule.find_violations(resources):
            if message := violation_message(rule, violation, _EXEMPTIONS, today=_TODAY):
                report(message, violation.resource.urn if violation.resource else None)


PolicyPack(
    "claudefs",
    policies=[
        ResourceValidationPolicy(
            "mandatory", "Stops the run: docs/policies.md", _check_resource("mandatory"), EnforcementLevel.MANDATORY
        ),
        ResourceValidationPolicy(
            "advisory", "Only reported: docs/policies.md", _check_resource("advisory"), EnforcementLevel.ADVISORY
        ),
        StackValidationPolicy(
            "mandatory-stack", "Stops the run: docs/policies.md", _check_stack, EnforcementLevel.MANDATORY
        ),
    ],
)
