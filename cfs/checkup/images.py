"""Checks whether the public parameters that name the machine images exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfs.aws import AwsError
from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding


def examine_images(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Look up the orchestrator's and the nodes' image."""
    names = {
        "orchestratorImageParameter": facts.settings.orchestrator_image_parameter,
        "nodeImageParameter": facts.settings.node_image_parameter,
    }
    for setting, name in names.items():
        try:
            image = facts.aws.call_operation("ssm", "get_parameter", Name=name)["Parameter"]["Value"]
        except AwsError as error:
            if error.code != "ParameterNotFound":
                raise
            yield wrong_finding(
                "images",
                f"{setting} names {name}, which AWS does not have in {facts.aws.region}.",
                repair=f"pulumi config rm {setting} --stack {facts.name}",
            )
        else:
            yield good_finding("images", f"{setting} names {image}.")
