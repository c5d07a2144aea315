"""Checks whether the account may use the agents' models on Bedrock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cfs.aws import AwsError
from cfs.doctor.findings import good_finding, wrong_finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cfs.checkup.facts import EnvironmentFacts
    from cfs.doctor.findings import Finding

_PROVIDER = "anthropic."


def examine_models(facts: EnvironmentFacts) -> Iterator[Finding]:
    """Ask for the availability of each model in the setting agentTokens."""
    for tokens in facts.settings.agent_tokens:
        model = foundation_model(tokens.model)
        try:
            answer = facts.aws.call_operation("bedrock", "get_foundation_model_availability", modelId=model)
        except AwsError as error:
            if error.code not in ("ResourceNotFoundException", "ValidationException"):
                raise
            yield wrong_finding(
                f"model {model}",
                f"Bedrock does not have it in {facts.aws.region}.",
                repair=f"aws bedrock list-inference-profiles --query 'inferenceProfileSummaries[].inferenceProfileId' "
                f"{facts.region_option}",
            )
        else:
            yield judge_model(model, answer, region_option=facts.region_option)


def foundation_model(name: str) -> str:
    """Return the model of an inference profile such as `us.anthropic.claude-…`, or the model itself."""
    return name[name.index(_PROVIDER) :] if _PROVIDER in name else name


def judge_model(model: str, answer: Mapping[str, Any], *, region_option: str) -> Finding:
    """Judge the answer of GetFoundationModelAvailability.

    `regionAvailability` is not judged: agents use inference profiles, which also reach other regions' models.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
    """
    check = f"model {model}"
    if answer.get("authorizationStatus") == "NOT_AUTHORIZED":
        return wrong_finding(
            check,
            "This account may not use it.",
            repair=f"aws bedrock get-foundation-model-availability --model-id {model} {region_option}  "
            "# a policy of the organization, or of this role, forbids it",
        )
    agreement = (answer.get("agreementAvailability") or {}).get("status", "")
    if agreement != "AVAILABLE" or answer.get("entitlementAvailability") == "NOT_AVAILABLE":
        offers = f"aws bedrock list-foundation-model-agreement-offers --model-id {model} {region_option}"
        return wrong_finding(
            check,
            f"The account has not agreed to its terms (agreement {agreement or 'unknown'}).",
            repair=f"aws bedrock create-foundation-model-agreement --model-id {model} {region_option} "
            f"--offer-token \"$({offers} --query 'offers[0].offerToken' --output text)\"",
        )
    return good_finding(check, "The account may use it.")
