"""What decides the result of a build is part of its key."""

from __future__ import annotations

import dataclasses
import json
import platform
from typing import TYPE_CHECKING

import pytest

from terminal.errors import UserError
from toolchain import part, resources, versions

if TYPE_CHECKING:
    from pathlib import Path

AWS_SUMS = (
    (
        "github.com/upbound/terraform-provider-aws v0.0.0-20260305123303-f7691456b787 "
        "h1:dJlp2eNgY/iVKTPINdguYlHbHc9CtXBZKmQmqYq0REs="
    ),
    (
        "github.com/upbound/terraform-provider-aws v0.0.0-20260305123303-f7691456b787/go.mod "
        "h1:WOPLTXSK2ZhAuuLIh2EVZ9zWib65hkmw1XLc227hsuQ="
    ),
)


def test_engine_reports_its_version() -> None:
    assert f"version.Version=v{versions.built_engine_version()}" in part.engine_part().linker_flags


def test_plugins_report_the_versions_of_the_sdk() -> None:
    flags = part.providers_part().linker_flags
    assert f"AWSVersion={versions.plugin_version('aws')}" in flags
    assert f"GitHubVersion={versions.plugin_version('github')}" in flags


def test_plugins_lie_where_the_engine_looks_for_them() -> None:
    version = versions.plugin_version("aws")
    place = part.providers_part().programs["./cmd/pulumi-resource-aws"]
    assert place == f"home/plugins/resource-aws-v{version}/pulumi-resource-aws"


def test_language_host_lies_beside_the_engine() -> None:
    assert list(part.engine_part().scripts.values()) == ["bin/pulumi-language-python"]


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "table.go", "resources.json", "aws_source.py"])
def test_providers_depend_on(name: str) -> None:
    assert name in {file.name for file in part.providers_part().sources}


def test_engine_does_not_depend_on_the_resource_types() -> None:
    assert resources.RESOURCE_TABLE not in part.engine_part().sources


def test_key_changes_with_the_versions_of_plugins(tmp_path: Path) -> None:
    declared = part.providers_part()
    newer = dataclasses.replace(declared, variables={"a": "b"})
    assert declared.cache_entry(tmp_path).key != newer.cache_entry(tmp_path).key


def test_key_changes_with_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    one = part.engine_part().cache_entry(tmp_path)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert part.engine_part().cache_entry(tmp_path).key != one.key


def test_unknown_machine_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(UserError, match="vax"):
        part.go_target()


def test_content_of_the_aws_provider_is_pinned() -> None:
    lines = (versions.PROVIDERS_MODULE / "go.sum").read_text().splitlines()
    assert set(AWS_SUMS) <= set(lines)


def test_declared_services_are_compiled() -> None:
    assert {"ec2", "s3", "iam", "sts"} <= part.providers_part().services


def test_gaps_are_those_of_declared_types() -> None:
    tokens = {
        entry["token"]
        for package in resources.read_resource_table().values()
        for kind in ("resources", "invokes")
        for entry in package[kind].values()
    }
    gaps = json.loads(resources.UNSUPPORTED_TABLE.read_text())
    assert gaps.keys() <= tokens | {f"pulumi:providers:{name}" for name in versions.PLUGIN_NAMES}


def test_a_service_that_another_calls_is_compiled_too() -> None:
    assert {"s3", "s3control"} <= resources.aws_services()


def test_each_gap_has_its_reason() -> None:
    gaps = json.loads(resources.UNSUPPORTED_TABLE.read_text())
    assert all(reason for arguments in gaps.values() for reason in arguments.values())


def test_gap_is_known_by_the_tokens_name() -> None:
    assert "metrics" in resources.unsupported_arguments("aws:budgets/budget:Budget")
    assert resources.unsupported_arguments("aws:ec2/vpc:Vpc") == frozenset()
