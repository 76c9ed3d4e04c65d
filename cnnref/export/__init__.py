"""Models as files that others can run: the contract, one file an export format, the bundle.

`cnnref.export` is this package and can be called like its function `export`: cnnref.export(model, "folder").
"""

import sys
from types import ModuleType

from .bundle import export
from .contract import Contract, contract_of
from .loading import load

__all__ = ["Contract", "contract_of", "export", "load"]


class _CallablePackage(ModuleType):
    # Python binds `cnnref.export` to the package as soon as any file of it is imported.
    __call__ = staticmethod(export)


sys.modules[__name__].__class__ = _CallablePackage
