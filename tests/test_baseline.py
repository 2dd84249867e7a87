"""Numbers are what they were, to the last bit; compiled code is still much faster than NumPy.

A change that is meant to move numbers: ``python benchmarks/baseline.py --update``, and a line
"Numbers:" in the changelog.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

PLACE = Path(__file__).resolve().parent.parent / "benchmarks" / "baseline.py"
_spec = importlib.util.spec_from_file_location("baseline", PLACE)
assert _spec is not None and _spec.loader is not None
baseline = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(baseline)


@pytest.fixture(scope="module")
def kept() -> dict:
    return json.loads(baseline.BASELINE.read_text())


def test_numbers_are_what_they_were(kept: dict) -> None:
    found = baseline.numbers()
    assert set(found) == set(kept["numbers"])
    moved = [
        f"{name}: {outcome} {float.fromhex(kept['numbers'][name][outcome])!r} -> "
        f"{float.fromhex(value)!r}"
        for name, outcomes in found.items()
        for outcome, value in outcomes.items()
        if kept["numbers"][name][outcome] != value
    ]
    assert not moved, "\n".join(moved)


def test_compiled_code_is_still_fast(kept: dict) -> None:
    """A ratio in one run, with generous slack: no clock of this machine enters."""
    ratio = baseline.speed_ratio()
    if ratio is None:
        pytest.skip("no compiler here")
    assert ratio > baseline.SLACK * kept["compiled_to_numpy"]
