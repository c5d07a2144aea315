"""Lists the modules of the generated SDKs that the program loads, which take most of a preview's time.

`python -m measure.sdk_imports` runs the program with mocks, without an engine, and prints the loaded modules as JSON.
"""

from __future__ import annotations

import gc
import json
import keyword
import runpy
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.config.given import setting_defaults
from infra.naming import LOCAL_STACK
from infra.project import PROJECT_FOLDER
from local.account import LOCAL_REGION
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SDK_NAMES = ("pulumi_aws", "pulumi_github")


@dataclass(frozen=True, kw_only=True)
class LoadedModules:
    """SDK modules that the program has loaded.

    Attributes:
        modules: Executed SDK modules, by their names in `sys.modules`.
        tokens: Tokens of the resource types that it declares and of the functions that it calls.
    """

    modules: Sequence[str]
    tokens: Sequence[str]


def load_program() -> LoadedModules:
    """Run the program in a new Python process."""
    done = subprocess.run(
        [sys.executable, "-m", "measure.sdk_imports"],
        cwd=PROJECT_FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        raise UserError(
            f"The program failed against mocks:\n{done.stderr}", repair="repair the program: `make preview` shows more"
        )
    return LoadedModules(**json.loads(done.stdout))


def module_packages(modules: Collection[str]) -> list[str]:
    """Return the packages of modules: an SDK itself, or one of its services, for example `pulumi_aws.ec2`."""
    parts = [module.split(".") for module in modules]
    services = {f"{sdk}.{rest[0]}" for sdk, *rest in parts if len(rest) > 1}
    return sorted({sdk for sdk, *_ in parts} | services)


def token_package(token: str) -> str:
    """Return the package of a type or function, for example `pulumi_aws.ec2` for `aws:ec2/vpc:Vpc`."""
    provider, module, _ = token.split(":")
    service = module.partition("/")[0]
    if service == "index":
        return f"pulumi_{provider}"
    # The SDK's package of `lambda` is `lambda_`.
    return f"pulumi_{provider}.{service}{'_' if keyword.iskeyword(service) else ''}"


def _run_program() -> LoadedModules:
    import pulumi  # noqa: PLC0415 — imported only in the counting process
    import yaml  # noqa: PLC0415

    tokens: set[str] = set()

    class Mocks(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            tokens.add(args.typ)
            return f"{args.name}-id", dict(args.inputs)

        def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
            tokens.add(args.token)
            zones = [f"{LOCAL_REGION}{letter}" for letter in "abc"]
            return {**args.args, "accountId": "account", "region": LOCAL_REGION, "names": zones}, []

    project = yaml.safe_load((PROJECT_FOLDER / "Pulumi.yaml").read_text())
    defaults = {key: _as_config_value(default) for key, default in setting_defaults().items()}
    pulumi.runtime.set_all_config(
        {**defaults, "aws:region": LOCAL_REGION, "github:owner": "owner", "github:organization": "owner"}
    )
    pulumi.runtime.set_mocks(Mocks(), project=project["name"], stack=LOCAL_STACK, preview=True)
    sys.path.insert(0, str(PROJECT_FOLDER))

    # The decorator waits until all outputs are known.
    @pulumi.runtime.test  # type: ignore[untyped-decorator]  # untyped in the SDK
    def run_main() -> None:
        runpy.run_path(str(PROJECT_FOLDER / "__main__.py"), run_name="__main__")

    run_main()
    executed = [
        name for name, module in sys.modules.items() if name.split(".")[0] in SDK_NAMES and not _is_lazy(module)
    ]
    return LoadedModules(
        modules=sorted(executed), tokens=sorted(token for token in tokens if token.startswith(("aws:", "github:")))
    )


def _is_lazy(module: object) -> bool:
    """Return whether a module has not been executed yet, as none of its attributes has been accessed."""
    return type(module).__name__ == "_LazyModule"


def _as_config_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    gc.disable()  # Collection would take a quarter of the time, and there is nothing to collect.
    loaded = _run_program()
    sys.stdout.write(json.dumps({"modules": list(loaded.modules), "tokens": list(loaded.tokens)}))
