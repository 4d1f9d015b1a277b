"""The plugin framework of whichever peer is installed here: the package cpex, or the one inside ContextForge."""

import importlib


def _find() -> str:
    for name in ("cpex.framework", "mcpgateway.plugins.framework"):
        try:
            importlib.import_module(name)
            return name
        except ModuleNotFoundError as error:
            if error.name is None or not name.startswith(error.name):
                raise
    raise SystemExit("neither cpex nor a ContextForge with a framework of its own is installed")


NAME = _find()
framework = importlib.import_module(NAME)


def part(path: str):
    """A module of the framework: part("external.mcp.server.runtime")."""
    return importlib.import_module(f"{NAME}.{path}")
