"""What holds for every component, as tables over one whole stack."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import pkgutil
import runpy
from collections import Counter
from functools import cache
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws
import pytest
from policy_sentry.querying.actions import get_action_data
from pulumi.runtime.config import CONFIG

import infra
from infra.component import Component
from infra.config.node_groups import default_groups
from infra.config.problems import SettingsError
from infra.naming import S3_BUCKET
from infra.tags import PROJECT_NAME, REQUIRED_TAGS
from local.aws.iam.conditions import list_texts
from tests.unit.infra.config.test_settings import DEFAULTS
from tests.unit.infra.config.test_settings import STACK as NEEDED
from tests.unit.infra.conftest import STACK, Recorder, Resource, run

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).parents[3] / "__main__.py"


@cache
def deploy(*, environment: str = STACK, **changed: str) -> Recorder:
    """Run the whole program with some settings changed, once for each choice of them; tests only read the recorder."""
    settings = {**DEFAULTS, **NEEDED, **{f"claudefs-infra:{key}": value for key, value in changed.items()}}

    def program() -> None:
        runpy.run_path(str(PROGRAM), run_name="__main__")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulumi.runtime.config.CONFIG", CONFIG)
        CONFIG.set(settings)
        try:
            return run(program, stack=environment)
        finally:
            CONFIG.set({})


def stack(egress: str = "nat") -> Recorder:
    """Return the whole stack: behind a NAT gateway with every setting that declares more, else with the defaults."""
    if egress == "nat":
        return deploy(egress=egress, orchestratorHours="weekdays", managesRepository="true")
    return deploy(egress=egress)


@cache
def component_classes() -> list[type[Component]]:
    """Return every component that a module of infra, at any depth, defines."""
    names = [module.name for module in pkgutil.walk_packages(infra.__path__, "infra.") if not module.ispkg]
    return [
        value
        for module in map(importlib.import_module, names)
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Component)
        and value is not Component
        and value.__module__ == module.__name__
    ]


def values(of: object) -> Iterator[Any]:
    """Return every value inside a resource's inputs."""
    if isinstance(of, dict):
        for inner in of.values():
            yield from values(inner)
    elif isinstance(of, list):
        for inner in of:
            yield from values(inner)
    else:
        yield of


def taggable(resource: Resource) -> bool:
    _, module, kind = resource.type.split(":")
    if not resource.type.startswith("aws:"):
        return False
    name = module.partition("/")[0]
    of_module = getattr(aws, f"{name}_" if iskeyword(name) else name)
    return "tags" in inspect.signature(getattr(of_module, kind)._internal_init).parameters  # noqa: SLF001 — its arguments


def policy_statements(recorder: Recorder) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Yield every statement of every policy document, whatever input holds it."""
    for resource in recorder.custom:
        for value in resource.inputs.values():
            if isinstance(value, str) and value.startswith("{") and '"Statement"' in value:
                for statement in json.loads(value)["Statement"]:
                    yield resource, statement


def test_every_component_is_found() -> None:
    assert {component.__name__ for component in component_classes()} == {
        "Alarms",
        "Boundary",
        "Budget",
        "Cluster",
        "CostAnomalies",
        "Dashboards",
        "DeploymentEnvironment",
        "Encryption",
        "Firewall",
        "GitHubAccess",
        "GuardAlarms",
        "GuardFunction",
        "GuardState",
        "GuardTriggers",
        "Identity",
        "Interruptions",
        "Network",
        "NodeCommands",
        "Orchestrator",
        "OrchestratorHours",
        "PrivateBucket",
        "Repository",
        "Storage",
        "WorkflowFiles",
    }


def test_every_component_is_in_the_stack_under_its_type_token_and_has_outputs() -> None:
    found = {
        component.__name__: stack().of(f"claudefs:infra:{component.__name__}") for component in component_classes()
    }

    assert [name for name, of in found.items() if not of] == []
    assert [of.name for of in stack().components if not stack().outputs[of.name]] == []


def test_every_component_takes_frozen_arguments_by_keyword_alone() -> None:
    for component in component_classes():
        parameters = inspect.signature(component).parameters
        assert list(parameters) == ["name", "args", "opts"], component
        assert parameters["args"].kind is parameters["opts"].kind is inspect.Parameter.KEYWORD_ONLY, component
        args = getattr(importlib.import_module(component.__module__), f"{component.__name__}Args")
        assert args.__dataclass_params__.frozen, args
        assert all(field.kw_only for field in dataclasses.fields(args)), args


def test_every_resource_is_the_child_of_a_component() -> None:
    assert len(stack().custom) > 150
    orphans = [f"{of.type} {of.name}" for of in stack().custom if not (of.parent_type or "").startswith("claudefs:")]

    assert orphans == []


def test_a_caller_cannot_replace_the_parent_of_a_components_children() -> None:
    assert {of.name for of in stack().components if of.parent is None} == {
        "network",
        "firewall",
        "encryption",
        "storage",
        "budget",
        "identity",
        "orchestrator",
        "orchestrator-hours",
        "cluster",
        "repository",
        "node-commands",
        "interruptions",
        "workflow-files",
        "boundary",
        "guard-boundary",
        "guard-state",
        "guard-function",
        "guard-triggers",
        "guard-alarms",
        "alarms",
        "dashboards",
        "anomalies",
        "github-access",
        "deployments",
        "previews",
    }


def test_every_taggable_resource_has_every_required_tag() -> None:
    missing = {
        f"{of.type} {of.name}": sorted(set(REQUIRED_TAGS) - of.tags.keys())
        for of in stack().custom
        if taggable(of) and not set(REQUIRED_TAGS) <= of.tags.keys()
    }

    assert missing == {}
    assert {of.type.partition(":")[2] for of in stack().custom if of.type.startswith("aws:") and not taggable(of)} == {
        "autoscaling/lifecycleHook:LifecycleHook",
        "autoscaling/schedule:Schedule",
        "cloudwatch/dashboard:Dashboard",
        "cloudwatch/eventTarget:EventTarget",
        "cloudwatch/logMetricFilter:LogMetricFilter",
        "cloudwatch/logResourcePolicy:LogResourcePolicy",
        "ec2/route:Route",
        "ec2/routeTableAssociation:RouteTableAssociation",
        "iam/rolePolicy:RolePolicy",
        "iam/rolePolicyAttachment:RolePolicyAttachment",
        "kms/alias:Alias",
        "lambda/permission:Permission",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "s3/bucketVersioning:BucketVersioning",
        "scheduler/schedule:Schedule",
        "sns/topicPolicy:TopicPolicy",
        "sns/topicSubscription:TopicSubscription",
    }
    assert {of.tags["project"] for of in stack().custom if of.tags} == {PROJECT_NAME}
    assert {of.tags["Environment"] for of in stack().custom if of.tags} == {STACK}


def test_no_two_resources_of_a_type_have_the_same_name() -> None:
    names = [(of.type, of.tags["Name"]) for of in stack().custom if of.tags]

    assert len(names) > 50
    assert len(names) == len(set(names))


def public_addresses_of_nodes(recorder: Recorder) -> set[str]:
    interfaces = [of.inputs["networkInterfaces"] for of in recorder.every("LaunchTemplate")]
    assert all(len(of_template) == 1 for of_template in interfaces)
    return {interface["associatePublicIpAddress"] for of_template in interfaces for interface in of_template}


def test_no_node_has_a_public_address_behind_the_nat_gateway() -> None:
    assert [of.inputs["associatePublicIpAddress"] for of in stack().of("Instance")] == [False]
    assert public_addresses_of_nodes(stack()) == {"false"}
    assert not any(of.inputs.get("mapPublicIpOnLaunch") for of in stack().every("Subnet"))


def test_every_node_has_a_public_address_where_that_is_its_way_out() -> None:
    assert [of.inputs["associatePublicIpAddress"] for of in stack("public-ip").of("Instance")] == [True]
    assert public_addresses_of_nodes(stack("public-ip")) == {"true"}
    assert stack("public-ip").of("NatGateway") == stack("public-ip").of("Eip") == []


@pytest.mark.parametrize("egress, gateways", [("nat", 2), ("public-ip", 1)])
def test_whatever_boots_waits_for_the_whole_way_out(egress: str, gateways: int) -> None:
    booting = [*stack(egress).of("Instance"), *stack(egress).of("aws:autoscaling/group:Group")]
    way_out = {(of.type, of.name) for of in stack(egress).custom if of.parent in ("network", "firewall")}
    kinds = Counter(type_.rpartition(":")[2] for type_, _ in way_out)

    assert len(booting) == 1 + len(default_groups(5))
    assert kinds["NatGateway"] + kinds["InternetGateway"] == kinds["Route"] == gateways
    assert (kinds["RouteTableAssociation"], kinds["SecurityGroupEgressRule"]) == (6, 9)
    for machine in booting:
        assert way_out <= machine.awaits, machine.name


@pytest.mark.parametrize("egress", ["nat", "public-ip"])
def test_nothing_is_let_in_from_the_internet_and_ssh_from_nowhere(egress: str) -> None:
    for rule in stack(egress).every("SecurityGroupIngressRule"):
        assert rule.inputs["referencedSecurityGroupId"]
        assert not rule.inputs.keys() & {"cidrIpv4", "cidrIpv6"}
        assert not rule.inputs["fromPort"] <= 22 <= rule.inputs["toPort"]
    for group in stack(egress).every("SecurityGroup"):
        assert not group.inputs.keys() & {"ingress", "egress"}


def test_no_policy_allows_every_action_or_is_open_to_everyone() -> None:
    for where, statement in policy_statements(stack()):
        if statement["Effect"] != "Allow":
            continue
        actions = list_texts(statement["Action"])
        if where.type != "aws:kms/key:Key":
            assert not [action for action in actions if action.endswith("*")], where
        assert "*" not in actions, where
        if statement.get("Principal") in ("*", {"AWS": "*"}):
            assert statement["Condition"]["StringEquals"].keys() == {"kms:CallerAccount", "aws:PrincipalArn"}, where


def test_everything_is_the_resource_only_of_actions_that_aws_cannot_limit() -> None:
    wide = {
        action
        for where, statement in policy_statements(stack())
        if statement.get("Resource") == "*" and (where.type, where.name) not in OF_EVERYTHING
        for action in list_texts(statement["Action"])
    }
    limited = {action for action in wide if {row["resource_arn_format"] for row in action_rows(action)} != {"*"}}

    assert len(wide) > 30
    # The account's own costs are asked for without a billing view, the one resource type that it knows.
    assert limited == {"ce:GetCostAndUsage"}


OF_EVERYTHING = {("aws:kms/key:Key", "encryption"), ("aws:iam/policy:Policy", "boundary")}
"""The policy of a key, whose resource is the key, and the boundary of several roles, which grants nothing."""


def action_rows(action: str) -> list[dict[str, Any]]:
    """Return what AWS's reference says of an action: a row for each resource type, and one of `*`."""
    service, _, name = action.partition(":")
    rows: list[dict[str, Any]] = get_action_data(service, name)[service]
    return rows


def test_every_policy_document_is_found() -> None:
    assert {resource.type for resource, _ in policy_statements(stack())} == {
        "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
        "aws:iam/policy:Policy",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:kms/key:Key",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:sns/topicPolicy:TopicPolicy",
    }


def test_every_disk_is_encrypted() -> None:
    for instance in stack().every("Instance"):
        disks = [instance.inputs["rootBlockDevice"], *instance.inputs.get("ebsBlockDevices", [])]
        assert all(disk["encrypted"] is True for disk in disks)
    for template in stack().every("LaunchTemplate"):
        assert [disk["ebs"]["encrypted"] for disk in template.inputs["blockDeviceMappings"]] == ["true"]


def test_no_bucket_is_emptied_to_be_deleted() -> None:
    assert not [of.name for of in stack().every("Bucket") if of.inputs.get("forceDestroy")]


def test_every_bucket_name_keeps_the_rules_of_s3() -> None:
    for bucket in stack().every("Bucket"):
        assert S3_BUCKET.pattern.fullmatch(bucket.inputs["bucket"])


def test_what_is_protected_is_protected_unless_a_setting_names_it() -> None:
    def protected(recorder: Recorder) -> set[str]:
        return {f"{of.type.rpartition(':')[2]} {of.name}" for of in recorder.custom if of.protect}

    everything = protected(stack())
    assert {"Instance orchestrator", "Bucket state", "Bucket artifacts", "Key encryption"} <= everything
    released = everything - protected(deploy(unprotected='["orchestrator", "artifactBucket", "encryptionKey"]'))
    assert {"Instance orchestrator", "Bucket artifacts", "Key encryption"} <= released
    assert not {name for name in released if " state" in name}


def test_state_is_never_deleted() -> None:
    parts = [of for of in stack().custom if of.parent == "state"]

    assert len(parts) == 7
    assert all(of.protect and of.retain_on_delete for of in parts)


@pytest.mark.parametrize(
    "key, value, asked",
    [
        ("vpcCidr", "8.8.0.0/16", []),
        (
            "availabilityZones",
            '["us-west-2a", "us-west-2b", "us-west-2e"]',
            ["aws:index/getAvailabilityZones:getAvailabilityZones"],
        ),
    ],
)
def test_nothing_is_declared_where_a_setting_is_wrong(key: str, value: str, asked: list[str]) -> None:
    before: list[Recorder] = []

    def program() -> None:
        runpy.run_path(str(PROGRAM), run_name="__main__")

    CONFIG.set({**DEFAULTS, **NEEDED, f"claudefs-infra:{key}": value})
    try:
        with pytest.raises(SettingsError, match="nothing was deployed"):
            run(program, into=before)
    finally:
        CONFIG.set({})
    assert before[0].resources == []
    assert [invoke.token for invoke in before[0].invokes] == asked


def test_the_program_only_wires() -> None:
    source = PROGRAM.read_text()

    assert [line for line in source.splitlines() if line.startswith(("def ", "class ", "if ", "for "))] == [
        "if calendar := settings.orchestrator_calendar:"
    ]
