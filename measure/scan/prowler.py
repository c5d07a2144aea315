"""prowler in a virtual environment of its own in the user's cache, because it pins other versions of our packages."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from terminal.errors import UserError
from terminal.progress import show_progress
from toolchain.cache import GIB, CacheEntry, cache_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PROWLER = "5.46.0"
"""Its packages are pinned by its own requirements."""

SERVICES = (
    "autoscaling",
    "awslambda",
    "cloudwatch",
    "dynamodb",
    "ec2",
    "eventbridge",
    "iam",
    "kms",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "vpc",
)
"""prowler's names of the stack's services; it knows neither Budgets nor EventBridge Scheduler."""

SPACE = 2 * GIB
INSTALLATION_SECONDS = 1200
SCAN_SECONDS = 1800

_UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True, kw_only=True)
class ScanFinding:
    """A failed check of a resource.

    Attributes:
        check: prowler's ID of the check.
        resource: ARN of the resource.
        labels: The resource's tags, as `key:value`.
        detail: What prowler says.
    """

    check: str
    resource: str
    labels: Sequence[str]
    detail: str


def obtain_prowler() -> Path:
    """Return the interpreter of prowler's virtual environment; create it if the cache does not have it."""
    version = f"{PROWLER}-py{sys.version_info.major}.{sys.version_info.minor}"
    entry = CacheEntry(root=cache_root(), part="prowler", key=version)
    if not entry.is_finished():
        with entry.fill_entry(needed=SPACE) as folder:
            if folder is not None:
                _install_prowler(folder)
    return entry.part_folder / "bin" / "python"


def scan_account(python: Path, *, region: str, variables: Mapping[str, str]) -> list[ScanFinding]:
    """Run prowler over the stack's services, and return its failed checks.

    Args:
        python: Interpreter of prowler's virtual environment.
        region: The region to scan.
        variables: Environment variables with the account's credentials.
    """
    with tempfile.TemporaryDirectory(prefix="cfs-scan-") as folder, show_progress("Scanning the account"):
        # -z: failed checks do not fail the program.
        options = f"aws -z --no-banner --no-color --status FAIL --output-formats json-ocsf --region {region}"
        _run_program(
            [python, "-m", "prowler", *options.split(), "-o", folder, "-F", "scan", "--services", *SERVICES],
            seconds=SCAN_SECONDS,
            variables=variables,
        )
        report = Path(folder) / "scan.ocsf.json"
        if not report.exists():
            raise UserError("prowler wrote no report.", repair="look at its messages: run the command again")
        return list(read_findings(json.loads(report.read_text(encoding="utf-8"))))


def read_findings(report: Sequence[Mapping[str, Any]]) -> Iterator[ScanFinding]:
    """Yield the failed checks of a report in the Open Cybersecurity Schema Framework's format."""
    for entry in report:
        if entry["status_code"] == "FAIL":
            for resource in entry["resources"]:
                yield ScanFinding(
                    check=entry["metadata"]["event_code"],
                    resource=resource["uid"],
                    labels=resource.get("labels", ()),
                    detail=entry["status_detail"],
                )


@retry(
    retry=retry_if_exception_type(UserError), stop=stop_after_attempt(3), wait=wait_exponential_jitter(), reraise=True
)
def _install_prowler(folder: Path) -> None:
    with show_progress(f"Installing prowler {PROWLER} (1.4 GB, once)"):
        # Relocatable: the cache renames the folder.
        _run_program([_UV, "venv", "--relocatable", "--allow-existing", "--python", sys.executable, folder])
        _run_program([_UV, "pip", "install", "--python", folder / "bin" / "python", f"prowler=={PROWLER}"])


def _run_program(
    command: Sequence[str | Path], *, seconds: float = INSTALLATION_SECONDS, variables: Mapping[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        problem = f"{Path(command[0]).name} has run for {seconds:.0f} s."
        raise UserError(problem, repair="run the same command again") from error
    if done.returncode:
        said = done.stdout.decode(errors="replace")[-2000:]
        raise UserError(
            f"{Path(command[0]).name} failed:\n{said}", repair="repair what it says, and repeat the command"
        )
