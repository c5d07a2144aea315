"""A deployment to an S3 backend that is killed: the next run breaks its lock and adopts what it had created."""

from __future__ import annotations

import io
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest
import yaml
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

from cfs.deploy.recover import recover_environment, recover_stack
from cfs.engine import EngineError
from cfs.environments import RealEnvironment
from cfs.remote_engine import RemoteEngine
from cfs.sessions import connect_emulated
from infra.naming import CONFIG_NAMESPACE
from infra.project import PROJECT_FOLDER
from infra.tags import Tags
from terminal.errors import UserError
from tests.loopback_server import serve_on_loopback
from toolchain import obtain_toolchain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from cfs.aws import AwsAccount
    from cfs.engine import StackEngine

STACK, REGION, STATE_BUCKET = "prod", "us-west-2", "claudefs-killed-state"
# Other tests of this process keep their buckets in the same moto.
ARTIFACT_BUCKET = f"claudefs-{STACK}-artifacts-{DEFAULT_ACCOUNT_ID}-{REGION}"
UP = ("up", "--yes", "--skip-preview")
TAGS = Tags(environment=STACK, owner="team").for_resource("alerts", role="network")
PROGRAM = f"""\
from pulumi_aws import sns

sns.Topic("alerts", name="alerts", tags={TAGS})
"""


@dataclass(frozen=True, kw_only=True)
class SmallEngine(RemoteEngine):
    """The engine with a small program in place of the project's.

    Attributes:
        program: Its folder.
    """

    program: Path

    @property
    def work_folder(self) -> Path:
        """A folder of the test's own."""
        return self.program

    def _pulumi_command(self, operation: str, *arguments: str) -> list[str]:
        return [*super()._pulumi_command(operation, *arguments), "--cwd", str(self.program)]


@dataclass(frozen=True, kw_only=True)
class SmallEnvironment(RealEnvironment):
    """Its environment, in an account on loopback.

    Attributes:
        url: The account's address.
        program: The program's folder.
    """

    url: str
    program: Path

    def connect_aws(self, *, region: str | None = None) -> AwsAccount:
        """Return the account on loopback."""
        return connect_emulated(url=self.url, region=region or REGION)

    def open_engine(self) -> StackEngine:
        """Get the engine with the small program."""
        return SmallEngine(environment_name=STACK, toolchain=obtain_toolchain(), program=self.program, policy_pack=None)


class KillingAccount:
    """An account that kills the engine once it has created a topic, before it says so."""

    def __init__(self) -> None:
        self._account = DomainDispatcherApplication(create_backend_app)
        self.kills = True

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        asked = Request(environ).get_data()
        environ["wsgi.input"] = io.BytesIO(asked)
        # moto reads the path as it was sent from here.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        body, status, headers = run_wsgi_app(self._account, environ, buffered=True)
        if self.kills and b"Action=CreateTopic" in asked:
            for child in psutil.Process().children(recursive=True):
                if child.name().startswith("pulumi"):
                    child.kill()
        start_response(status, list(headers))
        return body


@pytest.fixture
def account() -> KillingAccount:
    return KillingAccount()


@pytest.fixture
def environment(account: KillingAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallEnvironment]:
    """A stack whose state is in S3."""
    (tmp_path / "__main__.py").write_text(PROGRAM)
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROJECT_FOLDER / ".venv")}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": CONFIG_NAMESPACE, "runtime": runtime}))
    with serve_on_loopback(account) as url:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PULUMI_BACKEND_URL": f"s3://{STATE_BUCKET}?region={REGION}&awssdk=v2&use_path_style=true",
            "PULUMI_CONFIG_PASSPHRASE": "phrase",
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        made = SmallEnvironment(name=STACK, url=url, program=tmp_path)
        for bucket in (STATE_BUCKET, ARTIFACT_BUCKET):
            where = {"LocationConstraint": REGION}
            made.connect_aws().call_operation("s3", "create_bucket", Bucket=bucket, CreateBucketConfiguration=where)
        engine = made.open_engine()
        engine.query_text("stack", "init", STACK)
        engine.query_text("config", "set", "aws:region", REGION)
        yield made


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The workflow runs that GitHub calls completed."""
    runs: set[str] = set()
    monkeypatch.setattr("cfs.deploy.recover.is_run_completed", lambda _, page: page.rpartition("/")[2] in runs)
    # The program declares nothing at GitHub.
    monkeypatch.setattr("cfs.deploy.recover.check_github", lambda *_, **__: None)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/claudefs")
    return runs


def topics(environment: SmallEnvironment) -> list[str]:
    return [topic["TopicArn"] for topic in environment.connect_aws().list_items("sns", "list_topics", "Topics")]


def test_the_next_run_adopts_what_a_killed_one_created_once_github_says_that_it_has_ended(
    environment: SmallEnvironment, account: KillingAccount, completed: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = environment.open_engine()
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    deploying = recover_stack(environment, engine)
    with pytest.raises(EngineError) as killed:
        deploying.work_locked(lambda: engine.run_operation(*UP))
    assert killed.value.status == -signal.SIGKILL
    account.kills = False
    [topic] = topics(environment)

    monkeypatch.setenv("GITHUB_RUN_ID", "8")
    with pytest.raises(UserError, match="actions/runs/7 is at work on the stack"):
        recover_environment(environment)
    completed.add("7")
    assert recover_environment(environment).figures["repaired"] is True

    recorded = engine.read_deployment()
    assert [of["id"] for of in recorded["resources"] if of["type"] == "aws:sns/topic:Topic"] == [topic]
    assert not recorded.get("pending_operations")
    assert recover_environment(environment).figures["repaired"] is False
    assert engine.query_preview()["changeSummary"] == {"same": 2}
