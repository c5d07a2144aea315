"""The Pulumi toolchain: the engine, its provider plugins and the Python language host.

`obtain` finds it, downloads it or builds it, in this order; docs/adr/0001 says why.
"""

from toolchain.model import Toolchain
from toolchain.obtain import obtain
from toolchain.resources import unsupported_arguments

__all__ = ["Toolchain", "obtain", "unsupported_arguments"]
