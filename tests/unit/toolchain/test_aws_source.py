"""Of the AWS provider's source, the build gets what the declared services reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain import aws_source

if TYPE_CHECKING:
    from pathlib import Path

MODULE = aws_source.MODULE
CLIENTS = aws_source.CLIENTS

SERVICE_LIST = f"""package sdkv2

import (
\t"context"

\t"{MODULE}/internal/conns"
\t"{MODULE}/internal/service/ec2"
\t"{MODULE}/internal/service/lambda"
)

func servicePackages(ctx context.Context) []conns.ServicePackage {{
\treturn []conns.ServicePackage{{
\t\tec2.ServicePackage(ctx),
\t\tlambda.ServicePackage(ctx),
\t}}
}}
"""

CLIENT_LIST = f"""package conns

import (
\t"context"

\t"{CLIENTS}ec2"
\t"{CLIENTS}lambda"
\tlex_sdkv2 "{CLIENTS}lexmodelsv2"
\t"{MODULE}/internal/errs"
)

func (c *AWSClient) EC2Client(ctx context.Context) *ec2.Client {{
\treturn errs.Must(client[*ec2.Client](ctx, c))
}}

func (c *AWSClient) LambdaClient(ctx context.Context) *lambda.Client {{
\treturn errs.Must(client[*lambda.Client](ctx, c))
}}

func (c *AWSClient) LexClient(ctx context.Context) *lex_sdkv2.Client {{
\treturn errs.Must(client[*lex_sdkv2.Client](ctx, c))
}}
"""

FILES = {
    "go.mod": f"module {MODULE}\n",
    "go.sum": "",
    "xpprovider/xpprovider.go": f'package xpprovider\n\nimport "{MODULE}/internal/provider/sdkv2"\n',
    aws_source.SERVICE_LIST: SERVICE_LIST,
    aws_source.CLIENT_LIST: CLIENT_LIST,
    "internal/errs/must.go": "package errs\n",
    "internal/service/ec2/vpc.go": f'package ec2\n\nimport (\n\t"{CLIENTS}ec2/types"\n\t"{MODULE}/names"\n)\n',
    "internal/service/ec2/vpc_test.go": f'package ec2\n\nimport "{MODULE}/internal/acctest"\n',
    "internal/service/lambda/function.go": f'package lambda\n\nimport "{CLIENTS}lambda"\n',
    "internal/service/lambda/testdata/code.zip": "data",
    "internal/acctest/acctest.go": "package acctest\n",
    "names/read.go": "package names\n\n//go:embed data.hcl templates\nvar data embed.FS\n",
    "names/data.hcl": "data",
    "names/templates/one.tmpl": "data",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "source"


def copied(source: Path, target: Path, *services: str) -> set[str]:
    aws_source.copy_needed(source, target, frozenset(services))
    return {str(file.relative_to(target)) for file in target.rglob("*") if file.is_file()}


def test_reachable_packages_are_copied_without_tests(source: Path, tmp_path: Path) -> None:
    assert copied(source, tmp_path / "target", "ec2") == {
        "go.mod",
        "go.sum",
        "xpprovider/xpprovider.go",
        aws_source.SERVICE_LIST,
        aws_source.CLIENT_LIST,
        "internal/errs/must.go",
        "internal/service/ec2/vpc.go",
        "names/read.go",
        "names/data.hcl",
        "names/templates/one.tmpl",
    }


def test_service_list_names_the_declared_services_alone(source: Path, tmp_path: Path) -> None:
    copied(source, tmp_path / "target", "ec2")
    text = (tmp_path / "target" / aws_source.SERVICE_LIST).read_text()
    assert "\t\tec2.ServicePackage(ctx),\n" in text
    assert f'"{MODULE}/internal/conns"' in text
    assert "lambda" not in text


def test_client_list_has_the_clients_that_are_used(source: Path, tmp_path: Path) -> None:
    copied(source, tmp_path / "target", "ec2")
    text = (tmp_path / "target" / aws_source.CLIENT_LIST).read_text()
    assert "EC2Client" in text
    assert "LambdaClient" not in text
    assert "LexClient" not in text
    assert "lex_sdkv2" not in text
    assert f'"{MODULE}/internal/errs"' in text


def test_client_imported_under_another_name_is_kept() -> None:
    text = aws_source.filter_clients(CLIENT_LIST, {"lexmodelsv2"})
    assert f'lex_sdkv2 "{CLIENTS}lexmodelsv2"' in text
    assert "LexClient" in text
    assert "EC2Client" not in text


def test_unknown_service_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="nonesuch"):
        aws_source.copy_needed(source, tmp_path / "target", frozenset({"ec2", "nonesuch"}))


def test_source_is_left_as_it_is(source: Path, tmp_path: Path) -> None:
    copied(source, tmp_path / "target", "ec2")
    assert {name: (source / name).read_text() for name in FILES} == FILES


def test_imports_are_read_in_both_forms() -> None:
    text = 'package a\n\nimport "one"\n\nimport (\n\t"two"\n\tthree "3"\n\t_ "four"\n)\n\nvar x = "five"\n'
    assert aws_source.imports(text) == ["one", "two", "3", "four"]
