"""The Go modules to build, and every input that determines their result."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from terminal.errors import UserError
from toolchain import cache, versions
from toolchain.patches.bridge_names import BUFFERED_NAMES, USUAL_NAMES
from toolchain.patches.copied_schemas import COPIED_SCHEMAS
from toolchain.patches.deleted_identities import DELETED_IDENTITIES
from toolchain.patches.grouped_saves import GROUPED_SAVES
from toolchain.patches.limited_waits import LIMITED_WAITS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from toolchain.patches.source_patch import SourcePatch

GO_SETTINGS: Mapping[str, str] = {
    "CGO_ENABLED": "0",  # so no C compiler is needed
    "GOGC": "400",  # the compiler, too, may use more memory instead of a quarter of its time
    "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
"""Variables that every build sets, overriding the caller's environment. The sources of modules (GOPROXY and
similar variables) and the location of Go's caches remain the caller's choice."""

STRIP_FLAGS = "-s -w"
"""Linker flags that omit debugging symbols, a third of the size."""

_NO_SYMBOLS = "-dwarf=false"
"""Compiler flag that omits the debugging symbols, which the linker would drop."""

_PLAINLY_COMPILED = (
    "github.com/aws/aws-sdk-go-v2/service/...",
    "github.com/pb33f/libopenapi/...",
)
"""Packages to compile without inlining functions, which halves the time: clients, which mostly wait for AWS, and the
reader of Pulumi Cloud's API description, which only `pulumi api` uses."""

COMPILER_FLAGS = (
    f"-gcflags=all={_NO_SYMBOLS}",
    *(f"-gcflags={packages}={_NO_SYMBOLS} -l" for packages in _PLAINLY_COMPILED),
)
"""Flags of `go build` for the compiler; for each package the last one that matches counts."""

HOME_FOLDER = "home"
"""The folder within the providers' cache entry that becomes PULUMI_HOME."""

LANGUAGE_HOST_SCRIPT = versions.TOOLCHAIN_FOLDER / "bin" / "pulumi-language-python"
"""The script that starts the Python language host. The engine accepts it as its own only if both are in the same
folder; otherwise it prints a warning."""

GO_PLATFORMS = {"Linux": "linux", "Darwin": "darwin"}
GO_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True)
class GoPart:
    """A Go module to build. The compiler's version is not an input: a newer one builds an equivalent program."""

    name: str
    title: str
    """The part's name in progress messages."""
    module: Path
    programs: Mapping[str, str]
    """Main packages, each with the path of its program in the part's folder."""
    variables: Mapping[str, str]
    """Go variables that the linker sets."""
    sources: Sequence[Path]
    """All files that affect the build."""
    patches: Sequence[SourcePatch] = ()
    """Changes of the modules that the build applies to copies."""
    scripts: Mapping[Path, str] = field(default_factory=dict)
    """Files to copy unchanged, each with its path in the part's folder."""
    space: int
    """Bytes of disk that a build with empty Go caches takes, including those caches."""
    services: frozenset[str] = frozenset()
    """Services of the AWS provider to compile in; empty for a part without the AWS provider."""

    @property
    def linker_flags(self) -> str:
        """Return the flags for the linker."""
        return " ".join([STRIP_FLAGS, *(f"-X {name}={value}" for name, value in self.variables.items())])

    def cache_entry(self, root: Path) -> cache.CacheEntry:
        """Return the part's cache entry, keyed by all its inputs."""
        settings = [f"{name}={value}" for name, value in GO_SETTINGS.items()]
        texts = [go_target(), *settings, *COMPILER_FLAGS, self.linker_flags, *self.programs, *self.programs.values()]
        texts += map(repr, self.patches)
        key = cache.entry_key(texts, [*self.sources, *self.scripts])
        return cache.CacheEntry(root=root, part=self.name, key=key)


def engine_part() -> GoPart:
    """Describe the engine, `pulumi`."""
    module = versions.ENGINE_MODULE
    return GoPart(
        name="engine",
        title="Pulumi's engine",
        module=module,
        programs={"github.com/pulumi/pulumi/pkg/v3/cmd/pulumi": "bin/pulumi"},
        variables={"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": f"v{versions.built_engine_version()}"},
        sources=_module_files(module),
        patches=[GROUPED_SAVES],
        space=3 * cache.GIB,
        scripts={LANGUAGE_HOST_SCRIPT: f"bin/{LANGUAGE_HOST_SCRIPT.name}"},
    )


def providers_part() -> GoPart:
    """Describe the provider plugins."""
    from toolchain import resources  # noqa: PLC0415 -- not needed for the engine

    module = versions.PROVIDERS_MODULE
    return GoPart(
        name="providers",
        title="Pulumi's providers",
        module=module,
        programs={f"./cmd/pulumi-resource-{name}": _plugin_place(name) for name in versions.PLUGIN_NAMES},
        variables={
            "claudefs-infra/providers.AWSVersion": versions.plugin_version("aws"),
            "claudefs-infra/providers.GitHubVersion": versions.plugin_version("github"),
        },
        sources=[
            *_module_files(module),
            resources.RESOURCE_TABLE,
            versions.TOOLCHAIN_FOLDER / "aws_source.py",
        ],
        patches=[DELETED_IDENTITIES, *LIMITED_WAITS, COPIED_SCHEMAS, BUFFERED_NAMES, USUAL_NAMES],
        scripts={module / "no-logs": f"{HOME_FOLDER}/logs"},
        space=4 * cache.GIB,
        services=resources.aws_services(),
    )


def actionlint_part() -> GoPart:
    """Describe `actionlint`, which checks workflow files."""
    module = versions.ACTIONLINT_MODULE
    return GoPart(
        name="actionlint",
        title="actionlint",
        module=module,
        programs={"github.com/rhysd/actionlint/cmd/actionlint": "bin/actionlint"},
        variables={},
        sources=_module_files(module),
        space=cache.GIB // 2,
    )


def _plugin_place(name: str) -> str:
    """Return the path where the engine looks for a plugin; it prints a warning for plugins on PATH."""
    return f"{HOME_FOLDER}/plugins/resource-{name}-v{versions.plugin_version(name)}/pulumi-resource-{name}"


def _module_files(module: Path) -> list[Path]:
    return [module / "go.mod", module / "go.sum", *module.rglob("*.go")]


def go_target() -> str:
    """Return this machine's platform in Go's notation, for example `linux/amd64`."""
    try:
        return f"{GO_PLATFORMS[platform.system()]}/{GO_ARCHITECTURES[platform.machine()]}"
    except KeyError as unknown:
        raise UserError(
            f"Pulumi cannot be built for {platform.system()} on {platform.machine()}.",
            repair="Run this on Linux or macOS, on x86-64 or arm64.",
        ) from unknown
