"""Parameters are checked against AWS's service models."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.model import ShapeResolver

from local.aws.api_rules.service_models import compile_java_pattern, find_model_faults

SHAPES = ShapeResolver(
    {
        "Request": {
            "type": "structure",
            "required": ["Name"],
            "members": {
                "Name": {"shape": "Name"},
                "Count": {"shape": "Count"},
                "Tags": {"shape": "Tags"},
                "Rate": {"shape": "Rate"},
                "Forced": {"shape": "Forced"},
                "Labels": {"shape": "Labels"},
                "Body": {"shape": "Body"},
            },
        },
        "Name": {"type": "string", "pattern": r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "min": 1, "max": 8},
        "Count": {"type": "integer", "min": 1, "max": 5},
        "Rate": {"type": "string", "enum": ["hourly", "daily"]},
        "Forced": {"type": "boolean"},
        "Tags": {"type": "list", "member": {"shape": "Name"}, "max": 2},
        "Labels": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
        "Body": {"type": "blob", "max": 4},
    }
)
REQUEST = SHAPES.get_shape_by_name("Request", None)


def faults_of(**parameters: Any) -> list[str]:
    return list(find_model_faults(REQUEST, {"Name": "Zoë/a@b", **parameters}))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"Count": 5},
        {"Tags": ["a", "b"]},
        {"Rate": "daily"},
        {"Forced": False},
        {"Labels": {"a": "b"}},
        {"Tags": None},
    ],
)
def test_what_the_model_allows_has_no_fault(parameters: dict[str, Any]) -> None:
    assert faults_of(**parameters) == []


@pytest.mark.parametrize(
    "parameters, path, constraint",
    [
        ({"Name": None}, "name", "Member must not be null"),
        ({"Name": "it's"}, "name", "Member must satisfy regular expression pattern"),
        ({"Name": "a" * 9}, "name", "length less than or equal to 8"),
        ({"Count": 0}, "count", "value greater than or equal to 1"),
        ({"Count": 6}, "count", "value less than or equal to 5"),
        ({"Count": "3"}, "count", "Member must be a number"),
        ({"Tags": ["a", "b", "c"]}, "tags", "length less than or equal to 2"),
        ({"Tags": ["a", ""]}, "tags.2.member", "length greater than or equal to 1"),
        ({"Tags": "a"}, "tags", "Member must be a list"),
        ({"Rate": "weekly"}, "rate", "enum value set: [hourly, daily]"),
        ({"Forced": "yes"}, "forced", "Member must be a boolean"),
        ({"Labels": {"a": "it's"}}, "labels.a.member", "regular expression pattern"),
        ({"Labels": ["a"]}, "labels", "Member must be a map"),
        ({"Body": b"12345"}, "body", "length less than or equal to 4"),
    ],
)
def test_what_the_model_forbids_is_named_with_its_constraint(
    parameters: dict[str, Any], path: str, constraint: str
) -> None:
    [fault] = faults_of(**parameters)
    assert f"at '{path}' failed to satisfy constraint: " in fault
    assert constraint in fault


def test_all_patterns_of_the_services_in_use_can_be_checked() -> None:
    services = ("autoscaling", "budgets", "ce", "cloudwatch", "dynamodb", "events", "iam", "kms", "lambda", "logs")
    session = botocore.session.get_session()
    patterns: set[str] = set()
    for model in map(session.get_service_model, (*services, "scheduler", "sns", "sqs", "ssm", "sts")):
        patterns.update(filter(None, (model.shape_for(name).metadata.get("pattern") for name in model.shape_names)))
    for pattern in patterns:
        compile_java_pattern(pattern)
    assert len(patterns) > 200
