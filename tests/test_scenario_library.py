"""The scenario library and the table of claims: every file loads, says what it is, and runs."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from econsim import engine, parameters, policy, scenario
from econsim.experiments import claims
from econsim.results import Estimate, outcome
from econsim.scenario import Run, Scenario

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "scenarios").glob("*.yaml"))
NAMES = [p.stem for p in FILES]
PAGE = ROOT / "docs" / "claims.md"
CASES = [case for claim in (*claims.CLAIMS, *claims.COUNTER_CLAIMS) for case in claim.cases]
LIBRARY = {name: scenario.load(name) for name in NAMES}

#: Names that others rely on.
PROMISED = [
    "eu-diverse",
    "eu-restrictive",
    "us-diverse",
    "us-restrictive",
    "eu-no-rules",
    "eu-today-ai-act",
    "eu-laion-proposals",
    "eu-one-size-obligations",
    "eu-licensing-score-70",
    "eu-licensing-compute-1e25",
    "eu-licensing-compute-1e26",
    "eu-upstream-liability",
    "eu-misallocated-responsibility",
    "eu-exemption",
    "eu-proportionate-duties",
    "eu-public-compute",
    "eu-sandbox",
    "eu-open-model-programme",
    "eu-skills",
    "eu-evaluation-standards",
    "eu-misuse-cost",
    "eu-adoption-voucher",
    "eu-data-protection",
    "eu-portability",
    "eu-openness-0-closed",
    "eu-openness-1-weights",
    "eu-openness-2-free-licence",
    "eu-openness-3-open-code",
    "eu-openness-4-open-data",
    "us-licensing-score-70",
    "us-licensing-compute-1e25",
    "us-licensing-compute-1e26",
]


def shortened(given: Scenario, months: int) -> Scenario:
    """The same scenario to an earlier end, without what begins after it."""
    last = policy.month_label(months - 1)
    kept = []
    for label, item in given.instruments:
        start, stop = item.span()
        if start >= months:
            continue
        cut = item.until is not None and stop > months
        kept.append((label, item.model_copy(update={"until": last}) if cut else item))
    settings = Run.model_validate({**given.run.model_dump(), "horizon": ("2021-01", last)})
    return given.with_changes(instruments=kept, run=settings)


def earlier(given: Scenario, years: int) -> Scenario:
    """The same scenario with all its instruments some years earlier."""

    def moved(month: str) -> str:
        return policy.month_label(max(policy.month_index(month) - 12 * years, 0))

    kept = []
    for label, item in given.instruments:
        change: dict[str, Any] = {"start": moved(item.start)}
        if item.until is not None:
            change["until"] = moved(item.until)
        kept.append((label, item.model_copy(update=change)))
    return given.with_changes(instruments=kept)


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_what_it_is(name: str) -> None:
    given = LIBRARY[name]
    assert given.title and len(given.title) < 100
    assert len(given.claim) > 30, "the claim names a document and what is claimed"
    assert given.region in ("EU27", "US")
    if name != "common":
        assert name.startswith({"EU27": "eu-", "US": "us-"}[given.region])
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


def test_titles_are_told_apart() -> None:
    repeated = [t for t, n in Counter(s.title for s in LIBRARY.values()).items() if n > 1]
    assert repeated == []


def test_scenarios_differ_from_one_another() -> None:
    """But for eu-no-rules, which is eu-diverse under another name, and says so."""
    by_hash: dict[str, list[str]] = {}
    for name, given in LIBRARY.items():
        if name != "common":
            by_hash.setdefault(given.hash(), []).append(name)
    same = [names for names in by_hash.values() if len(names) > 1]
    assert same == [["eu-diverse", "eu-no-rules"]]


def test_promised_names_are_there() -> None:
    assert set(PROMISED) <= set(NAMES)


def test_every_named_instrument_is_used() -> None:
    used = {type(item) for given in LIBRARY.values() for _, item in given.instruments}
    assert set(policy.INSTRUMENTS.values()) <= used


@pytest.mark.parametrize("name", [n for n in NAMES if n != "common"])
def test_values_have_a_source_or_are_marked_assumptions(name: str) -> None:
    """Each number of an instrument or parameter has a comment on its line or right above it."""
    lines = (ROOT / "scenarios" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    bare = []
    for above, line in zip(["", *lines], lines, strict=False):
        key, _, value = line.strip().removeprefix("- ").partition(":")
        plain = value.split("#")[0].strip()
        if key in _DATES or not re.fullmatch(r"-?[0-9._e]+|\[[0-9., ]+\]", plain):
            continue
        if "#" not in line and not above.strip().startswith("#"):
            bare.append(line.strip())
    allowed = _BARE.get(name, set())
    repeated = {plain for plain in bare if plain in _SAID_ABOVE}
    assert set(bare) - allowed - repeated == set()


#: Keys whose values are dates or need no source.
_DATES = {"from", "until", "title", "extends", "region"}
#: A switch of a definition, not a number of the world; or the line above it gave the source.
_SAID_ABOVE = {
    "per_variant: 29_277", "rate: 1.0", "share: 1.0", "set: 0", "set: 1", "compliance_share: 1.0",
}  # fmt: skip
_BARE: dict[str, set[str]] = {
    # Files that came with the model and say it in their claim or once for all.
    "eu-restrictive": {"reentry_share: 0.5"},
    "us-restrictive": {"reentry_share: 0.5"},
    "us-diverse": {
        "economy.gdp_growth: 0.018", "economy.price_index_2024: 1.024",
        "economy.currency_per_eur: 1.0824", "economy.household_share: 0.68",
        "economy.government_share: 0.17", "economy.investment_share: 0.18",
        "economy.non_market_share: 0.12", "economy.revenue_share: 0.27",
    },
    # Switched off: the sceptic's whole point.
    "eu-no-independence-diverse": {"hurdle.confidentiality: 0", "hurdle.dependence: 0"},
    "eu-restrictive-no-price-response": {"supply.vendor_pass_through: 0"},
}  # fmt: skip


def test_names_of_documents_only() -> None:
    """A claim cites documents; nothing in the library points into a file system or to a host."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://|/work|reference/", text), path.name


# --- Claims ---------------------------------------------------------------------------------------


def test_the_claims_name_shipped_scenarios() -> None:
    missing = {n for c in CASES for n in (c.scenario, c.baseline)} - set(NAMES)
    assert missing == set()


def test_every_scenario_answers_to_a_claim() -> None:
    named = {n for c in CASES for n in (c.scenario, c.baseline)}
    assert set(NAMES) - named == {"common"}


def test_claims_have_pairs_of_one_region_and_horizon() -> None:
    for case in CASES:
        a, b = LIBRARY[case.scenario], LIBRARY[case.baseline]
        assert (a.region, a.run.months) == (b.region, b.run.months), case
        for name in case.also:
            outcome(name)


def test_keys_of_claims() -> None:
    keys = [c.key for c in (*claims.CLAIMS, *claims.COUNTER_CLAIMS)]
    assert len(set(keys)) == len(keys)
    numbers = {n for key in keys for n in key.split(", ")} | {w[0] for w in claims.WITHOUT_SCENARIO}
    assert {str(n) for n in range(1, 26)} <= numbers


def test_what_decides_a_claim_is_named() -> None:
    """Every claim names a parameter, a lever or a key of an instrument, and each exists."""
    keys = {
        f"{name}.{field.alias or key}"
        for name, model in policy.INSTRUMENTS.items()
        for key, field in model.model_fields.items()
    }
    options = set(LIBRARY["eu-diverse"].options)
    for claim in (*claims.CLAIMS, *claims.COUNTER_CLAIMS):
        named = re.findall(r"`([^`]+)`", " ".join(claim.decides))
        assert named, claim.key
        unknown = set(named) - set(parameters.PARAMETERS) - keys
        assert unknown == set(), claim.key
    for row in claims.WITHOUT_SCENARIO:
        named = re.findall(r"`([^`]+)`", row[3])
        assert named
        assert set(named) <= set(parameters.PARAMETERS) | options


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if LIBRARY[c.scenario].overrides != LIBRARY[c.baseline].overrides],
    ids=lambda c: c.scenario,
)
def test_a_parameter_of_one_arm_only_is_inert_in_the_other(case: claims.Case) -> None:
    """Where only the scenario takes a parameter, taking it in the baseline would change nothing."""
    a, b = LIBRARY[case.scenario], LIBRARY[case.baseline]
    changed = {k: v for k, v in a.overrides.items() if b.overrides.get(k) != v}
    assert set(b.overrides) <= set(a.overrides)
    base = shortened(b, 60)
    plain = engine.run(base, rows=1000).record.series
    taken = engine.run(base.with_changes(parameters=changed), rows=1000).record.series
    for key, values in plain.items():
        np.testing.assert_allclose(taken[key], values, rtol=1e-9, atol=1e-9, err_msg=str(key))


def _estimate(mean: float, low: float, high: float) -> Estimate:
    return Estimate(mean, low, high, 4, "unit")


def test_verdict_words_follow_from_the_interval() -> None:
    words = claims.verdict_word
    assert words(_estimate(1.0, 0.1, 1.9)) == "raises"
    assert words(_estimate(-1.0, -1.9, -0.1)) == "lowers"
    assert words(_estimate(1.0, -0.1, 2.1)) == "no clear difference in"
    assert words(_estimate(0.0, 0.0, 0.0)) == "no difference in"
    assert words(_estimate(1.0, math.nan, math.nan)) == "one run, no verdict on"


def test_the_table_on_small_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows, short horizon: numbers, words and page hang together, and do so again."""

    def brief(name: str) -> Scenario:
        return shortened(earlier(scenario.load(name), 3), 60)

    monkeypatch.setattr(claims, "load", brief)
    keys = ["13", "24"]
    settings: dict[str, Any] = {"rows": 1000, "replicates": 2, "year": 2025, "keys": keys}
    found = claims.claims_table(**settings, workers=1)
    assert [v.claim.key for v in found] == ["13"] * 2 + ["24"] * 4
    liability = found[0]
    assert liability.gdp.n == 2
    assert liability.also["Open pool"].high < 0.0
    assert liability.gdp_share.mean == pytest.approx(0.0, abs=1.0)
    misuse = next(v for v in found if v.case.scenario == "eu-misuse-cost")
    assert misuse.words() == "no difference in use, GDP, GNI and surplus"
    assert misuse.also["Social cost of misuse"].mean > 0.0
    assert all(len(h) == claims.HASH_DIGITS for v in found for h in v.hashes)
    text = claims.page(found, rows=1000, replicates=2, year=2025)
    assert "### Claim 13 (NTIA 29b)" in text and "### Claim 12" not in text
    assert "n = 2 replicates of 1,000 rows" in text
    again = claims.claims_table(**{**settings, "keys": ["13"]}, workers=1)
    once, twice = (claims.page(v, rows=1000, replicates=2, year=2025) for v in (found[:2], again))
    assert once == twice


def test_an_unknown_claim_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown claim '99'"):
        claims.claims_table(keys=["99"])


# --- The committed page ---------------------------------------------------------------------------


def test_scenarios_named_on_the_page_exist() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:eu|us)-[a-z0-9-]+)`", text))
    assert len(named) > 60
    assert named <= set(NAMES)
    for case in CASES:
        assert f"`{case.scenario}` less `{case.baseline}`" in text


def test_the_page_says_how_it_is_made_and_of_what() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert "write_page('docs/claims.md')" in text
    assert f"n = {claims.REPLICATES} replicates of {claims.ROWS:,} rows" in text
    assert "never a forecast" in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text), "no date of making"
    for claim in (*claims.CLAIMS, *claims.COUNTER_CLAIMS):
        assert claim.text in text and claim.where in text


def test_the_page_carries_the_hashes_of_its_scenarios() -> None:
    """Stale after a change of scenario or default: make the page again (see its head)."""
    text = PAGE.read_text(encoding="utf-8")
    stale = [
        name
        for name in sorted({n for c in CASES for n in (c.scenario, c.baseline)})
        if f"`{name}` ({LIBRARY[name].hash()[: claims.HASH_DIGITS]})" not in text
    ]
    assert stale == []


# --- Runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_runs(name: str) -> None:
    """Its instruments moved forward so that a run of five years meets them all."""
    given = shortened(earlier(LIBRARY[name], 6), 60)
    economy = engine.run(given, rows=1000)
    assert economy.record.worst_identity < 1e-9
    for key, values in economy.record.series.items():
        assert np.isfinite(values).all(), key
    assert economy.record.series["general_users", "total"][-1, 0] > 0.0
