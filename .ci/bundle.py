"""Hatch build hook: a wheel carries the scenario library and the app, an editable install does not.

A checkout has ``scenarios/`` and ``app.py`` at its top, where readers look for them. An installed
econsim has no checkout, so the wheel gets copies as ``econsim/_bundled/``.
"""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLED = {
    "scenarios": "econsim/_bundled/scenarios",
    "app.py": "econsim/_bundled/app.py",
}


class BundleHook(BuildHookInterface):
    """Adds the top-level scenario library and app to a standard wheel."""

    def initialize(self, version, build_data):
        """Called by hatchling before a wheel is built; ``version`` is standard or editable."""
        if version == "standard":
            build_data["force_include"].update(BUNDLED)
