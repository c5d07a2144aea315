"""Bedrock: whether an account may use a model. The emulated account may use all."""

from __future__ import annotations

import json

from moto.bedrock import urls
from moto.bedrock.responses import BedrockResponse


def close_bedrock_gaps() -> None:
    """Close the gaps of this service."""

    def get_foundation_model_availability(self: BedrockResponse) -> str:
        return json.dumps(
            {
                "modelId": self.path.rpartition("/")[2],
                "agreementAvailability": {"status": "AVAILABLE"},
                "authorizationStatus": "AUTHORIZED",
                "entitlementAvailability": "AVAILABLE",
                "regionAvailability": "AVAILABLE",
            }
        )

    BedrockResponse.get_foundation_model_availability = get_foundation_model_availability
    # moto's patterns must come after this one: one of them matches every path.
    urls.url_paths = {
        "{0}/foundation-model-availability/(?P<modelId>[^/]+)$": BedrockResponse.dispatch,
        **urls.url_paths,
    }
