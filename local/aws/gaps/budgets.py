"""AWS Budgets: subscribers of notifications, changes in place, and tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse
from moto.utilities.tagging_service import TaggingService

if TYPE_CHECKING:
    from collections.abc import Callable


def close_budget_gaps() -> None:
    """Close the gaps of this service."""
    _describe_subscribers_of_budgets()
    _update_budgets_in_place()
    _tag_budgets()


def _find_budget(response: BudgetsResponse, name: str) -> Budget:
    account_id = response._get_param("AccountId")  # noqa: SLF001 — moto's own handlers read parameters this way
    response.backend.describe_budget(account_id=account_id, budget_name=name)  # raises AWS's error for an unknown name
    return response.backend.budgets[account_id][name]


def _describe_subscribers_of_budgets() -> None:
    def describe_subscribers_for_notification(self: BudgetsResponse) -> str:
        budget = _find_budget(self, self._get_param("BudgetName"))
        wanted = self._get_param("Notification")
        found = [
            notification.subscribers
            for notification in budget.notifications
            if all(
                notification.details.get(key) == value for key, value in wanted.items() if key != "NotificationState"
            )
        ]
        return json.dumps({"Subscribers": found[0] if found else []})

    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification


def _update_budgets_in_place() -> None:
    def update_budget(self: BudgetsResponse) -> str:
        new = self._get_param("NewBudget")
        budget = _find_budget(self, new["BudgetName"])
        budget.budget = Budget(new, []).budget
        return "{}"

    BudgetsResponse.update_budget = update_budget


def _tag_budgets() -> None:
    tagger = TaggingService(tag_name="ResourceTags")
    create_budget: Callable[[BudgetsResponse], str] = BudgetsResponse.create_budget

    def create_tagged_budget(self: BudgetsResponse) -> str:
        created = create_budget(self)
        name = self._get_param("Budget")["BudgetName"]
        arn = f"arn:aws:budgets::{self._get_param('AccountId')}:budget/{name}"
        tagger.delete_all_tags_for_resource(arn)
        tagger.tag_resource(arn, self._get_param("ResourceTags", []))
        return created

    def list_tags_for_resource(self: BudgetsResponse) -> str:
        return json.dumps(tagger.list_tags_for_resource(self._get_param("ResourceARN")))

    def tag_resource(self: BudgetsResponse) -> str:
        tagger.tag_resource(self._get_param("ResourceARN"), self._get_param("ResourceTags"))
        return "{}"

    def untag_resource(self: BudgetsResponse) -> str:
        tagger.untag_resource_using_names(self._get_param("ResourceARN"), self._get_param("ResourceTagKeys"))
        return "{}"

    BudgetsResponse.create_budget = create_tagged_budget
    BudgetsResponse.list_tags_for_resource = list_tags_for_resource
    BudgetsResponse.tag_resource = tag_resource
    BudgetsResponse.untag_resource = untag_resource
