"""Makes Pulumi's SDKs cheaper to load and to wait for; `bin/make-venv` runs this file on what it has installed.

The first look at a generated package such as `pulumi_aws.ec2` executes all of its 182 modules, of which the stack uses
20. A table of names and a module-level `__getattr__` (PEP 562) replace its list of imports, so that a class's module is
executed when the class is first used. Type checkers still read the imports.

At a program's end the core SDK registers a callback with each of the pending outputs whenever one of them finishes, so
its work grows with the square of their number. It registers one for each instead.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

GENERATED_SDKS = ("pulumi_aws", "pulumi_github")

_IMPORTS = re.compile(r"(?:^from \.\w+ import \*\n)+", re.MULTILINE)
_EXPORTS = re.compile(r"^__all__ = \[([^\]]*)\]", re.MULTILINE)
_MARK = "# Each name's module is loaded when the name is first used: toolchain/faster_sdk.py.\n"
_LOADER = """
    def __getattr__(name):
        module = _MODULES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib
        loaded = importlib.import_module(f"{__name__}.{module}")
        # All of its names: to import the module `get_ami` has set that attribute to it, and not to the function.
        globals().update({exported: getattr(loaded, exported) for exported in loaded.__all__})
        return globals()[name]


    def __dir__():
        return sorted({*globals(), *_MODULES})


"""

QUADRATIC_WAIT = """\
                    # Copy the outputs and clear so new outputs added while we wait are picked up on the next iteration.
                    pending_outputs: list[asyncio.Task] = list(SETTINGS.outputs)
                    SETTINGS.outputs.clear()

                # Wait for a task to complete or be cancelled
                done, not_done = await asyncio.wait(
                    pending_outputs, return_when=asyncio.FIRST_COMPLETED
                )

                # Await the completed task so any exception is re-raised here.
                for task in done:
                    await task

                # Put unfinished tasks back for the next iteration.
                if not_done:
                    with SETTINGS.lock:
                        for task in not_done:
                            SETTINGS.outputs.add(task)
"""
_WAIT_BEGIN = """\
            while True:
                with SETTINGS.lock:
                    # the task may have been removed from the queue by the time we get to it, so we need to re-check if
                    # its empty.
                    if len(SETTINGS.outputs) == 0:
                        break
"""
_LINEAR_WAIT = """\
            # Linear: toolchain/faster_sdk.py.
            finished: asyncio.Queue[asyncio.Task] = asyncio.Queue()
            waiting = 0
            while True:
                with SETTINGS.lock:
                    added = list(SETTINGS.outputs)
                    SETTINGS.outputs.clear()
                for task in added:
                    task.add_done_callback(finished.put_nowait)
                waiting += len(added)
                if waiting == 0:
                    break
                # Await the completed task so any exception is re-raised here.
                await (await finished.get())
                waiting -= 1
"""


def defer_modules(package: Path) -> None:
    """Rewrite the `__init__.py` of a generated package, unless that is done."""
    init = package / "__init__.py"
    original = init.read_text(encoding="utf-8")
    imports = _IMPORTS.search(original)
    if _MARK in original or imports is None:
        return
    lines = imports[0].splitlines()
    modules = [line.removeprefix("from .").removesuffix(" import *") for line in lines]
    table = {name: module for module in modules for name in _exported_names(package / f"{module}.py")}
    deferred = [
        f"{_MARK}if typing.TYPE_CHECKING:",
        *(f"    {line}" for line in lines),
        "else:",
        "    _MODULES = {",
        *(f"        {name!r}: {module!r}," for name, module in table.items()),
        "    }",
        _LOADER,
    ]
    _replace_file(init, original.replace(imports[0], "\n".join(deferred), 1))


def _exported_names(module: Path) -> list[str]:
    exports = _EXPORTS.search(module.read_text(encoding="utf-8"))
    if exports is None:
        raise ValueError(f"{module} has no __all__")
    return re.findall(r"'(\w+)'", exports[1])


def make_wait_linear(stack_module: Path) -> None:
    """Rewrite the wait of `pulumi.runtime.stack`, if it is the quadratic one."""
    original = stack_module.read_text(encoding="utf-8")
    if _WAIT_BEGIN + QUADRATIC_WAIT in original:
        _replace_file(stack_module, original.replace(_WAIT_BEGIN + QUADRATIC_WAIT, _LINEAR_WAIT))


def _replace_file(path: Path, text: str) -> None:
    """Put a new file in the place of one that the installer may share with its cache by a hard link."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"error: {name} is not installed\nrepair: rm -rf .venv, and run the same command again")
    return Path(spec.origin).parent


def main() -> None:
    """Rewrite the SDKs of this interpreter."""
    for sdk in GENERATED_SDKS:
        folder = _package_folder(sdk)
        for init in (folder / "__init__.py", *sorted(folder.glob("*/__init__.py"))):
            defer_modules(init.parent)
    make_wait_linear(_package_folder("pulumi") / "runtime" / "stack.py")


if __name__ == "__main__":
    main()
