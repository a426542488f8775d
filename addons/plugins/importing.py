"""Imports a plugin's Python code under a private name of its version, from its sources as they are now.

The name holds the digest of the plugin's contents: an update is another module, and exchanges in flight go on with the
objects of the old one. No bytecode is read or written: caches tell versions apart by seconds and sizes, which is not
enough for files that are edited or replaced while the gateway runs.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

PREFIX = "_proxycast_plugin_"


class _FreshLoader(SourceFileLoader):
    def path_stats(self, path: str) -> Any:
        raise OSError("not cached")  # the way to say so: see SourceLoader.get_code


class _Finder(MetaPathFinder):
    """Finds what a plugin's module imports from beside it."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not fullname.startswith(PREFIX):
            return None
        loaders = ((ExtensionFileLoader, EXTENSION_SUFFIXES), (_FreshLoader, [".py"]))
        for folder in path:
            spec = FileFinder(folder, *loaders).find_spec(fullname)
            if spec is not None:
                return spec
        return None


_finder = _Finder()


def load(entry: Path, name: str, digest: str) -> ModuleType:
    """The module of `entry`, a file that can import what lies beside it (`from .wire import …`); imported once for each
    digest. Raises whatever the code raises."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    full = f"{PREFIX}{re.sub(r'\W', '_', name)}_{digest[:16]}"
    known = sys.modules.get(full)
    if known is not None:
        return known
    loader = _FreshLoader(full, str(entry))
    spec = importlib.util.spec_from_file_location(
        full, entry, loader=loader, submodule_search_locations=[str(entry.parent)]
    )
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    try:
        loader.exec_module(module)
    except BaseException:
        for left in [other for other in sys.modules if other == full or other.startswith(full + ".")]:
            del sys.modules[left]
        raise
    return module
