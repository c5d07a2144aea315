"""Whether AWS counts costs by the stack's tags: what the doctor finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from cfs.aws import AwsAccount
from cfs.doctor.cost_tags import examine_cost_tags

if TYPE_CHECKING:
    from cfs.doctor.findings import Finding


def findings(*, answer: dict[str, str] | None = None) -> list[Finding]:
    """Return what is found where AWS answers with the status of some tags, or refuses."""
    session = boto3.Session("key", "secret", region_name="us-west-2")
    client: Any = session.client("ce", region_name="us-east-1")
    aws = AwsAccount(session=session, _clients={"ce": client})
    with Stubber(client) as stub:
        if answer is None:
            stub.add_client_error("list_cost_allocation_tags", "AccessDeniedException", http_status_code=400)
        else:
            tags = [{"TagKey": key, "Type": "UserDefined", "Status": status} for key, status in answer.items()]
            stub.add_response("list_cost_allocation_tags", {"CostAllocationTags": tags})
        return examine_cost_tags(aws)


@pytest.mark.parametrize(
    "answer, verdicts, repair",
    [
        ({"Environment": "Active", "project": "Active"}, ["good", "good"], ""),
        ({"Environment": "Inactive", "project": "Active"}, ["doubtful", "good"], "aws ce update-cost-allocation"),
        ({"project": "Active"}, ["doubtful", "good"], "a day after"),
        (None, ["doubtful"], "management account"),
    ],
)
def test_a_tag_that_aws_does_not_count_costs_by_is_found_with_its_repair(
    answer: dict[str, str] | None, verdicts: list[str], repair: str
) -> None:
    found = findings(answer=answer)

    assert [finding.verdict for finding in found] == verdicts
    assert repair in found[0].repair
