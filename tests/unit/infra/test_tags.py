"""Tags: what ClaudeFS's scripts and cost reports find resources by."""

from __future__ import annotations

import re

from infra.tags import REQUIRED_TAGS, Tags

VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
TAGS = Tags(environment="prod", owner="claudefs-team")


def test_the_project_is_lower_case_in_key_and_value_as_scripts_filter_it() -> None:
    assert TAGS.for_resource("vpc", role="network")["project"] == "claudefs"


def test_every_required_tag_is_there_and_only_those() -> None:
    assert tuple(TAGS.for_resource("vpc", role="network")) == REQUIRED_TAGS


def test_the_name_tells_project_and_stack() -> None:
    assert TAGS.for_resource("vpc", role="network")["Name"] == "claudefs-prod-vpc"


def test_site_and_cost_center_are_there_where_they_say_something() -> None:
    tags = Tags(environment="prod", owner="claudefs-team", cost_center="testing").for_resource(
        "a", role="storage", site="A"
    )

    assert (tags["Site"], tags["CostCenter"]) == ("A", "testing")


def test_values_are_such_as_aws_accepts() -> None:
    assert all(
        VALUE.fullmatch(value) for value in TAGS.for_resource("private-us-west-2a", role="network", site="B").values()
    )
