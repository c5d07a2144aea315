"""Runs the account's Lambda functions as Lambda does: the uploaded package, with the function's settings and role.

moto runs functions in Docker. Here a run is a process that can import only its package and the modules of Lambda's
runtime, so a package with a missing dependency fails as on Lambda. The process calls this account with the credentials
of the function's role.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from local.aws import function_runtime
from local.aws.function_logs import RunLog, publish_embedded_metrics
from local.aws.iam.account import find_function
from local.aws.own_clients import OwnSession, assume_for_service

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNTIME_MODULES = ("boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
"""Modules of Lambda's Python runtime besides the standard library."""

LAMBDA_SERVICE = "lambda.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class FunctionRun:
    """The result of a run.

    Attributes:
        payload: The handler's return value, or the error, as JSON.
        error: `Unhandled` if the run failed, else "".
        log: The run's output.
    """

    payload: str
    error: str
    log: str


def run_function(name: str, region: str, event: object, *, url: str) -> FunctionRun:
    """Run a function once, and write its log.

    Args:
        name: The function's name or ARN.
        region: The function's region.
        event: The event for the handler.
        url: The account's URL.

    Raises:
        LookupError: There is no such function.
    """
    function = find_function(name, region)
    if function is None:
        raise LookupError(f"Function not found: {name}")
    try:
        session = assume_for_service(
            LAMBDA_SERVICE,
            function.role,
            session=function.function_name,
            source_arn=function.function_arn,
            url=url,
        )
    except ClientError as error:
        message = f"The role defined for the function cannot be assumed by Lambda: {error}"
        return _failed_run("AccessDeniedException", message, "")
    settings = function.get_configuration()
    log = RunLog.begin_log((settings.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}")
    request, began = str(uuid4()), time.monotonic()
    variables = {
        **(function.environment_vars or {}),
        **session.session_variables(),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_LOG_GROUP_NAME": log.group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log.stream,
        "CFS_FUNCTION_ARN": function.function_arn,
        "CFS_REQUEST_ID": request,
        "CFS_TIME_LIMIT": str(function.timeout),
        "_HANDLER": function.handler,
    }
    run = _run_process(_unpack_code(function.code_bytes), event, variables, seconds=int(function.timeout))
    log.write_run(session.open_client("logs"), run.log, request=request, seconds=time.monotonic() - began)
    publish_embedded_metrics(OwnSession(url=url, region=region).open_client("cloudwatch"), run.log)
    return run


def _run_process(code: Path, event: object, variables: Mapping[str, str], *, seconds: int) -> FunctionRun:
    search_path = os.pathsep.join((str(code), str(runtime_folder())))
    with tempfile.TemporaryDirectory(prefix="cfs-function-") as folder:
        result = Path(folder) / "result.json"
        process = subprocess.Popen(
            [sys.executable, "-S", "-P", function_runtime.__file__, str(result)],
            cwd=code,
            env={"PATH": os.defpath, "TZ": ":UTC", "PYTHONPATH": search_path, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output, _ = process.communicate(json.dumps(event), timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return _failed_run("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds", output)
        if not result.exists():
            return _failed_run("Runtime.ExitError", "Runtime exited without providing a reason", output)
        told: dict[str, Any] = json.loads(result.read_text())
        return FunctionRun(payload=told["payload"], error=told.get("error", ""), log=output)


def _failed_run(kind: str, message: str, output: str) -> FunctionRun:
    payload = json.dumps({"errorType": kind, "errorMessage": message})
    return FunctionRun(payload=payload, error="Unhandled", log=f"{output}{message}\n")


@cache
def _unpack_code(code: bytes) -> Path:
    """Unpack a package, once for all its runs in this process."""
    folder = Path(_scratch_folder().name, f"code-{hash(code):x}")
    zipfile.ZipFile(io.BytesIO(code)).extractall(folder)
    return folder


@cache
def runtime_folder() -> Path:
    """Return a folder with the modules of Lambda's runtime, linked from this environment."""
    folder = Path(_scratch_folder().name, "runtime")
    folder.mkdir()
    for module in RUNTIME_MODULES:
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{module} is not installed")
        origin = Path(spec.origin)
        source = origin.parent if origin.name == "__init__.py" else origin
        (folder / source.name).symlink_to(source)
    return folder


@cache
def _scratch_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="cfs-lambda-")
