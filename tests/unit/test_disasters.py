"""The recovery page and the rehearsed disasters name the same things, with the same limits."""

from __future__ import annotations

import re

from measure.disasters.disasters import DISASTERS
from measure.disasters.recovery_page import RECOVERY_PAGE, preparing_commands, recovery_commands

PAGE = RECOVERY_PAGE.read_text()


def test_every_section_of_the_page_is_rehearsed() -> None:
    assert sorted(re.findall(r"^## (.*)$", PAGE, re.MULTILINE)) == sorted(disaster.heading for disaster in DISASTERS)


def test_every_disaster_has_commands_and_its_limit_on_the_page() -> None:
    assert len(DISASTERS) == 9
    for disaster in DISASTERS:
        assert recovery_commands(PAGE, disaster.heading).strip(), disaster.heading
        minutes = disaster.limit // 60
        limit = f"{minutes:.0f} min" if minutes < 60 else f"{minutes / 60:.0f} h"
        assert re.search(rf"\[{disaster.heading}\]\([^)]*\) \| {limit} \|", PAGE, re.IGNORECASE), disaster.heading


def test_commands_that_prepare_are_not_part_of_the_recovery() -> None:
    assert preparing_commands(PAGE, "A lost bucket").startswith("pulumi stack export")
    assert "stack export" not in recovery_commands(PAGE, "A lost bucket")
