"""econsim: how small firms adopt AI in a diverse and in a restrictive ecosystem."""

from typing import Any

#: Public names and the module each lives in; imported on first use, so that ``import econsim``
#: stays light.
_PUBLIC = {
    "load": "econsim.scenario",
    "loads": "econsim.scenario",
    "Scenario": "econsim.scenario",
    "simulate": "econsim.experiments.simulation",
    "compare": "econsim.results",
    "Results": "econsim.results",
    "EcosystemModel": "econsim.model",
    "SME": "econsim.model",
}

__all__ = ["SME", "EcosystemModel", "Results", "Scenario", "compare", "load", "loads", "simulate"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("econsim")
    if name in _PUBLIC:
        from importlib import import_module

        return getattr(import_module(_PUBLIC[name]), name)
    if name == "figures":
        from importlib import import_module

        return import_module("econsim.figures")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
