"""Runs a Lambda function's handler in a separate process, as Lambda's runtime does.

This is a script that cannot import this project: `python -S function_runtime.py RESULT_FILE`, with the event on
standard input. It writes the handler's return value or error to the file.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_MILLISECONDS = 1000


class LambdaContext:
    """The handler's context object: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html."""

    def __init__(self) -> None:
        """Read the context from the environment."""
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.invoked_function_arn = os.environ.pop("CFS_FUNCTION_ARN")
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = os.environ.pop("CFS_REQUEST_ID")
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = time.time() + float(os.environ.pop("CFS_TIME_LIMIT"))

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the run times out, in milliseconds."""
        return max(0, int((self._deadline - time.time()) * _MILLISECONDS))


def run_handler(event: object) -> dict[str, Any]:
    """Run the handler named in the environment, and return its result or its error."""
    context = LambdaContext()
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    try:
        answer = getattr(importlib.import_module(module), name)(event, context)
        return {"payload": json.dumps(answer)}
    except Exception as error:  # noqa: BLE001 — any error of the handler is the run's result
        traceback.print_exc()
        described = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": context.aws_request_id,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return {"payload": json.dumps(described), "error": "Unhandled"}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(run_handler(json.load(sys.stdin))), encoding="utf-8")
