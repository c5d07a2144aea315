"""Serves the account's conditions; `conditions` itself is also imported by commands, which need no web server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.aws.conditions import CONDITIONS_PATH, AccountConditions, Conditions
from local.control_api import answer_json, with_control

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from werkzeug.wrappers import Request, Response


def with_conditions_control(app: WSGIApplication, conditions: AccountConditions) -> WSGIApplication:
    """Serve `/_control/conditions`, and forward all other requests to `app`."""

    def control_conditions(request: Request) -> Response:
        if request.method == "PUT":
            try:
                conditions.switch(Conditions.from_json(json.loads(request.get_data())))
            except (ValueError, TypeError, AttributeError) as error:
                return answer_json({"error": str(error)}, status=400)
        return answer_json({**conditions.current.to_json(), "faults": dict(conditions.faults)})

    return with_control(app, CONDITIONS_PATH, control_conditions)
