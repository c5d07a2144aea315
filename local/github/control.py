"""The control API below `/_control/`, which GitHub does not have: the process's health, and faults.

`GET /_control/health`; `GET` and `DELETE /_control/faults`; `PUT /_control/faults/NAME` with the fault's options in
a JSON body:

    curl -X PUT http://127.0.0.1:PORT/_control/faults/server-error -d '{"requests": 2, "path": "/contents"}'

"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Response, jsonify, request
from pydantic import ValidationError

from local.github import faults

if TYPE_CHECKING:
    from local.github.state import StateStore


def control_blueprint(store: StateStore) -> Blueprint:
    """Create the control API of a stand-in."""
    control = Blueprint("control", __name__, url_prefix="/_control")

    @control.get("/health")
    def show_health() -> Response:
        return jsonify({"pid": os.getpid(), "state": str(store.path.absolute())})

    @control.get("/faults")
    def list_faults() -> Response:
        with store.lock:
            faults.drop_expired(store.state)
            return jsonify([faults.fault_json(fault) for fault in store.state.faults.values()])

    @control.put("/faults/<name>")
    def switch_on(name: str) -> Response | tuple[Response, HTTPStatus]:
        options = request.get_json(force=True, silent=True) if request.get_data() else {}
        if not isinstance(options, dict):
            return jsonify({"message": "The body must be a JSON object."}), HTTPStatus.BAD_REQUEST
        try:
            fault = faults.parse_fault(name, options)
        except ValidationError as error:
            return jsonify({"message": str(error)}), HTTPStatus.BAD_REQUEST
        with store.lock:
            store.state.faults[fault.name] = fault
            store.save_state()
        return jsonify(faults.fault_json(fault))

    @control.delete("/faults")
    def switch_all_off() -> Response:
        with store.lock:
            store.state.faults.clear()
            store.save_state()
        return jsonify([])

    return control
