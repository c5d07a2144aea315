"""The stack's diagram shows components and what they use."""

from __future__ import annotations

from measure.stack_diagram import draw_components

ROOT = "urn:pulumi:test::claudefs-infra::pulumi:pulumi:Stack::claudefs-infra-test"


def component(name: str) -> dict[str, object]:
    return {"urn": f"urn:pulumi:test::claudefs-infra::claudefs:infra:Part::{name}", "parent": ROOT}


def resource(owner: str, kind: str, *uses: str) -> dict[str, object]:
    urn = f"urn:pulumi:test::claudefs-infra::claudefs:infra:Part$aws:x/{kind}:{kind}::{owner}-{kind}"
    return {
        "urn": urn,
        "custom": True,
        "parent": f"urn:pulumi:test::claudefs-infra::claudefs:infra:Part::{owner}",
        "dependencies": list(uses),
    }


def test_components_have_their_types_and_only_arrows_that_do_not_follow_from_others() -> None:
    key = resource("encryption", "Key")
    bucket = resource("storage", "Bucket", str(key["urn"]))
    group = resource("cluster", "Group", str(bucket["urn"]), str(key["urn"]))
    drawn = draw_components(
        [component("encryption"), component("storage"), component("cluster"), key, bucket, group]
    ).splitlines()
    assert drawn == [
        "flowchart LR",
        '    cluster["<b>cluster</b><br/>Group"]',
        '    encryption["<b>encryption</b><br/>Key"]',
        '    storage["<b>storage</b><br/>Bucket"]',
        "    cluster --> storage",
        "    storage --> encryption",
    ]
