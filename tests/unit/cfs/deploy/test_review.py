"""A review covers everything that determines the effect, and no secrets. Equal effects have equal digests."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy import review
from cfs.deploy.review import Review

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "urn:pulumi:prod::claudefs-infra::claudefs:infra:"
PROVIDER = "urn:pulumi:prod::claudefs-infra::pulumi:providers:aws::default_7_51_1::a4f2fe1b-4c13-4cc3-a334-372fb0f65c1f"
VPC = f"{PREFIX}Network$aws:ec2/vpc:Vpc::network-vpc"
LOGS = f"{PREFIX}Orchestrator$aws:cloudwatch/logGroup:LogGroup::orchestrator"
TOPIC = f"{PREFIX}Budget$aws:sns/topic:Topic::alerts"
BUCKET = f"{PREFIX}Storage$aws:s3/bucket:Bucket::artifacts"

PREVIEW: dict[str, Any] = {
    "config": {
        "aws:region": "us-west-2",
        "claudefs-infra:clusterSize": "5",
        "claudefs-infra:actionsSecrets": "[secret]",
    },
    "steps": [
        {"op": "same", "urn": f"{PREFIX}Budget::budget", "newState": {"inputs": {}}},
        {
            "op": "replace",
            "urn": VPC,
            "provider": PROVIDER,
            "oldState": {"inputs": {"cidrBlock": "10.0.0.0/16"}, "protect": True, "modified": "2026-01-05T12:00:00Z"},
            "newState": {"inputs": {"cidrBlock": "10.3.0.0/16"}, "protect": True},
            "replaceReasons": ["cidrBlock"],
            "diffReasons": ["tags", "cidrBlock"],
            "detailedDiff": {"cidrBlock": {"kind": "update-replace"}},
        },
        {
            "op": "update",
            "urn": LOGS,
            "provider": PROVIDER,
            "oldState": {"inputs": {"retentionInDays": 30}},
            "newState": {"inputs": {"retentionInDays": 60}},
            "diffReasons": ["retentionInDays"],
            "detailedDiff": {"retentionInDays": {"kind": "update"}},
        },
        {
            "op": "create",
            "urn": TOPIC,
            "provider": PROVIDER,
            "newState": {"inputs": {"name": "alerts", "nested": [{"__defaults": ["drawn"], "drawn": "a", "given": 1}]}},
        },
        {"op": "delete", "urn": BUCKET, "provider": PROVIDER, "oldState": {"inputs": {"bucket": "b"}}},
    ],
}


def of(preview: dict[str, Any], **given: str) -> Review:
    known = {"environment": "prod", "commit": "c" * 40, "program": "p" * 64, "engine": "3.259.0", **given}
    return review.review_of_preview(preview, **known)


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    preview = copy.deepcopy(PREVIEW)
    change(preview)
    return preview


def test_changes_are_reviewed_with_the_paths_of_their_properties() -> None:
    found = {change.urn: change for change in of(PREVIEW).changes}
    assert {urn: change.operation for urn, change in found.items()} == {
        VPC: "replace",
        LOGS: "update",
        TOPIC: "create",
        BUCKET: "delete",
    }
    assert found[VPC].properties == ("cidrBlock", "tags")
    assert found[VPC].protected
    assert not found[LOGS].protected
    assert (found[TOPIC].before, found[BUCKET].after) == ("", "")
    assert of(PREVIEW).providers == ("aws 7.51.1",)


@pytest.mark.parametrize(
    "change",
    [
        lambda preview: preview["steps"].reverse(),
        # The provider generates a new random name in each preview.
        lambda preview: preview["steps"][3]["newState"]["inputs"]["nested"][0].update(drawn="b"),
        lambda preview: preview["steps"][1]["diffReasons"].reverse(),
        lambda preview: preview["steps"][1]["oldState"].update(modified="2026-02-05T12:00:00Z"),
        lambda preview: preview["steps"][1].update(sourcePosition="project:///__main__.py#80"),
        lambda preview: preview.update(duration=5),
        lambda preview: preview["steps"].pop(0),
        lambda preview: preview.update(config=dict(reversed(preview["config"].items()))),
        lambda preview: preview["steps"][2].update(provider=PROVIDER.replace("a4f2fe1b", "00000000")),
    ],
)
def test_previews_with_the_same_effect_have_the_same_digest(change: Callable[[dict[str, Any]], object]) -> None:
    assert of(changed(change)).review_digest == of(PREVIEW).review_digest


@pytest.mark.parametrize(
    "change,said",
    [
        (
            lambda preview: preview["config"].update({"claudefs-infra:clusterSize": "10"}),
            "setting claudefs-infra:clusterSize: reviewed '5', now '10'",
        ),
        (
            lambda preview: preview["config"].pop("claudefs-infra:clusterSize"),
            "setting claudefs-infra:clusterSize: reviewed '5', now unset",
        ),
        (
            lambda preview: preview["steps"].pop(),
            "no longer: delete aws:s3/bucket:Bucket artifacts",
        ),
        (
            lambda preview: preview["steps"][3].update(op="replace"),
            "not reviewed: replace aws:sns/topic:Topic alerts",
        ),
        (
            # Drift: the current state differs, the target state does not.
            lambda preview: preview["steps"][2]["oldState"]["inputs"].update(retentionInDays=7),
            "update aws:cloudwatch/logGroup:LogGroup orchestrator: different current state",
        ),
        (
            lambda preview: preview["steps"][2]["newState"]["inputs"].update(retentionInDays=7),
            "update aws:cloudwatch/logGroup:LogGroup orchestrator: different new values",
        ),
        (
            lambda preview: preview["steps"][3]["newState"]["inputs"]["nested"][0].update(given=2),
            "create aws:sns/topic:Topic alerts: different new values",
        ),
        (
            lambda preview: preview["steps"][1]["detailedDiff"].update({"tags.Owner": {}}),
            "replace aws:ec2/vpc:Vpc network-vpc: different properties",
        ),
        (
            lambda preview: (
                [step["oldState"].update(protect=False) for step in preview["steps"][1:2]]
                + [step["newState"].update(protect=False) for step in preview["steps"][1:2]]
            ),
            "replace aws:ec2/vpc:Vpc network-vpc: different protection",
        ),
        (
            lambda preview: [
                step.update(provider=PROVIDER.replace("7_51_1", "7_52_0")) for step in preview["steps"][1:]
            ],
            "providers: reviewed aws 7.51.1, now aws 7.52.0",
        ),
    ],
)
def test_a_preview_with_another_effect_has_another_digest_and_the_difference_is_named(
    change: Callable[[dict[str, Any]], object], said: str
) -> None:
    now = of(changed(change))
    assert now.review_digest != of(PREVIEW).review_digest
    assert said in review.review_differences(of(PREVIEW), now)


@pytest.mark.parametrize("field", ["environment", "commit", "program", "engine"])
def test_another_program_commit_engine_or_environment_has_another_digest(field: str) -> None:
    now = of(PREVIEW, **{field: "other"})
    assert now.review_digest != of(PREVIEW).review_digest
    assert [said.partition(":")[0] for said in review.review_differences(of(PREVIEW), now)] == [field]


def test_equal_reviews_have_no_differences() -> None:
    assert review.review_differences(of(PREVIEW), of(PREVIEW)) == []


def test_a_review_is_read_as_it_was_written() -> None:
    found = of(PREVIEW)
    assert Review.parse_document(found.to_bytes(), key="review.json") == found
    assert len(found.review_digest) == 64


def test_the_review_contains_no_property_values() -> None:
    written = of(PREVIEW).to_bytes().decode()
    assert "10.3.0.0/16" not in written
    assert json.loads(written)["settings"]["claudefs-infra:actionsSecrets"] == "[secret]"


def test_the_stored_form_and_its_digest_stay_the_same() -> None:
    assert hashlib.sha256(of(PREVIEW).to_bytes()).hexdigest() == (
        "6913e64fd697d1dced74a15aaddc69af7faf4005c25be9333319849c730d6439"
    )
    assert of(PREVIEW).review_digest == "1ead4ef3dbe79575da5dcd89684275a9019baa99526d27e30ae2ce3dacf5f281"


def test_the_summary_lists_deletions_first_and_has_placeholders_for_price_and_policies() -> None:
    said = review.review_summary(of(PREVIEW), ["it is protected"])
    assert said.startswith("### Preview of prod: 1 delete, 1 replace, 1 update, 1 create\n")
    rows = [line.split("|")[1].strip() for line in said.splitlines() if "`aws:" in line]
    assert rows == ["**delete**", "**replace**", "update", "create"]
    assert "| cluster size | `5` |" in said
    assert "**It cannot be applied:**\n\n- it is protected\n" in said
    assert review.PRICE_MARK in said
    assert review.POLICY_MARK in said
    assert of(PREVIEW).review_digest in said


def test_the_summary_of_very_many_changes_is_cut() -> None:
    steps = [{"op": "create", "urn": f"{TOPIC}-{number}", "newState": {"inputs": {}}} for number in range(20000)]
    said = review.review_summary(of({"config": {}, "steps": steps}), [])
    assert "… the rest is in the run's log." in said
    assert review.POLICY_MARK in said
    assert len(said.encode()) < 2**20


def test_an_empty_preview_says_that_nothing_changes() -> None:
    assert review.review_summary(of({"config": {}, "steps": []}), []).startswith("### Preview of prod: no changes\n")
