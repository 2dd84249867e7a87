"""Published numbers through the accounts, the Bass limit, and what Annex B would need."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from econsim import accounts, cli, data, supply
from econsim.experiments import replications

FRAME = data.table("replications")
LINES = replications.replicate()
ASKED = {"R1", "R2", "R4", "R6", "R9", "R10", "R11", "R13", "R14", "R15", "R16", "R18", "R22"}


def line(row: str, item: str) -> replications.Line:
    (found,) = [x for x in LINES if (x.row, x.item) == (row, item)]
    return found


@pytest.mark.parametrize("row", LINES, ids=lambda x: f"{x.row}-{x.item}")
def test_every_row_is_within_its_tolerance(row: replications.Line) -> None:
    assert row.within, f"published {row.published}, ours {row.ours}, tolerance {row.tolerance}"


def test_every_published_number_has_one_line_and_one_status() -> None:
    published = FRAME[FRAME["role"] == "published"]
    keys = list(zip(published["row"], published["item"], strict=True))
    assert sorted(keys) == sorted((x.row, x.item) for x in LINES)
    by_accounts = {x.row for x in LINES if x.method == replications.ACCOUNTS_METHOD}
    missing = {m.row for m in replications.NOT_REPRODUCIBLE}
    assert by_accounts >= ASKED
    assert not missing & {x.row for x in LINES}
    assert {f"R{n}" for n in range(1, 34)} == missing | {x.row for x in LINES}
    assert (FRAME.loc[FRAME["role"] == "input", "tolerance"] == 0.0).all()
    assert (published["tolerance"] > 0.0).all()


def test_printed_digits_where_the_table_claims_them() -> None:
    for row, item, digits in (
        ("R1", "productivity", 2), ("R2", "productivity", 2), ("R4", "productivity", 2),
        ("R6", "gdp_low", 2), ("R6", "gdp_high", 2), ("R9", "productivity", 2),
        ("R10", "per_year", 2), ("R11", "per_year", 2), ("R13", "productivity", 1),
        ("R15", "automation_low", 3), ("R15", "automation_high", 3),
        ("R15", "baseline_low", 3), ("R15", "baseline_high", 3),
    ):  # fmt: skip
        found = line(row, item)
        assert round(found.ours, digits) == found.published, (row, item)


def test_naive_rule_is_low_as_known() -> None:
    for found in LINES:
        if found.row == "R14":
            assert 0.09 <= 1.0 - found.ours / found.published <= 0.135


def test_the_accounts_are_what_is_read() -> None:
    """The tiny economy's ledger closes, and GDP is the ledger's, not the sum of the inputs."""
    month = replications.book([0.046], [0.144])
    assert month.worst <= accounts.TOLERANCE
    assert month.gdp == pytest.approx(accounts.readings(month.ledger)["income"], rel=1e-12)
    assert month.productivity == pytest.approx(0.046 * 0.144, rel=1e-12)
    assert month.gdp / month.baseline_gdp == pytest.approx(np.exp(0.046 * 0.144), rel=1e-12)


def test_levels_add_up_at_an_elasticity_of_two() -> None:
    month = replications.output_gain(0.2, 0.3, accounts.Channels())
    assert month.gdp / month.baseline_gdp == pytest.approx(1.06, rel=1e-12)


def test_second_order_moves_aghion_and_bunel() -> None:
    """Booked as ``-ln(1 - s)`` the centre of 0.68 pp a year becomes 0.71."""
    month = replications.book([1.0], [0.6 * 0.5 * 0.4 * 0.57], first_order=False)
    assert round(10.0 * month.productivity, 2) == 0.71


def test_oecd_exposures_are_the_fit_they_say_they_are() -> None:
    frame = FRAME[(FRAME["row"] == "R18")]
    values = {str(r.item): float(r.value) for r in frame.itertuples(index=False)}
    inputs = replications.Inputs("R18", values)
    worst = {}
    countries = ("US", "CA", "UK", "DE", "FR", "IT", "JP")
    for speed in ("slow", "medium", "fast"):

        def errors(exposed: float, speed: str = speed) -> np.ndarray:
            return np.array(
                [
                    replications.oecd_cell(inputs, c, speed, exposed) / values[f"{c}_{speed}"] - 1
                    for c in countries
                ]
            )

        best = minimize_scalar(
            lambda x, e=errors: float((e(x) ** 2).sum()), bounds=(0.2, 0.9), method="bounded"
        )
        assert values[f"exposed_{speed}"] == pytest.approx(best.x, abs=6e-4)
        worst[speed] = 100.0 * np.abs(errors(values[f"exposed_{speed}"])).max()
    assert worst == pytest.approx({"slow": 11.2, "medium": 12.1, "fast": 7.9}, abs=0.1)


def test_revenue_share_agrees_with_the_vendor_price_rule() -> None:
    """Mean price relative to closed, from the supply side: ``1 / 0.831``."""
    rise = supply.vendor_price_multiple(1.0, 0.0, 0.1566, 0.2, 1.0, 1.0)
    share = 100.0 * 0.2 * 0.1566 * rise
    assert line("R22", "open_revenue").ours == pytest.approx(share, rel=1e-9)


# --- Bass ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("years", [3.0, 6.0, 10.0])
def test_bass_error_halves_with_the_step(years: float) -> None:
    exact = replications.bass_closed_form(0.03, 0.38, years)
    errors = [
        replications.bass_by_block(0.03, 0.38, years, n)[-1] - exact for n in (12, 24, 48, 96)
    ]
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    np.testing.assert_allclose(ratios, 2.0, atol=0.04)
    assert abs(errors[0]) < 0.012


def test_without_imitation_the_block_is_exact() -> None:
    path = replications.bass_by_block(0.03, 0.0, 10.0, 12)
    assert path[-1] == pytest.approx(replications.bass_closed_form(0.03, 0.0, 10.0), rel=1e-12)


# --- Annex B --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def economy() -> replications.UsBusiness:
    return replications.us_business()


def test_annex_b_needs_more_than_any_small_effect(economy: replications.UsBusiness) -> None:
    found = {n.name: n for n in replications.annex_b()}
    assert 20e12 < economy.value_added.sum() < 35e12
    small = found["Acemoglu 2024"]
    # R1 applied to business value added alone: less than 1 % of it even if all adopt.
    assert small.full_share == pytest.approx(0.0066, abs=0.0002)
    assert small.gap is None and small.transfers > 0.98 * replications.ANNEX_B_TARGET
    large = found["the same, and capital follows"]
    assert large.gap is not None and 0.3 < large.gap < 0.6
    task = replications.TASK_SCENARIOS[-1]
    assert replications.annex_b_gain(economy, task, large.gap) == pytest.approx(1.5e12, rel=1e-6)
    for each in found.values():
        assert each.gain + each.transfers == pytest.approx(1.5e12)
        assert each.saving is None and each.ceiling is None and each.depth is None


def test_annex_b_alone_assumptions_solve(economy: replications.UsBusiness) -> None:
    """With a wide gap each single assumption has a value that reaches the target."""
    found = replications.annex_b(target=1.5e12, gap=0.9)[3]
    task = replications.TASK_SCENARIOS[3]
    for name in ("saving", "ceiling", "depth"):
        value = getattr(found, name)
        assert value is not None
        changed = replace(task, **{name: value})
        assert replications.annex_b_gain(economy, changed, 0.9) == pytest.approx(1.5e12, rel=1e-6)


def test_transfers_are_not_gdp(economy: replications.UsBusiness) -> None:
    task = replications.TASK_SCENARIOS[0]
    with_rents = replications.annex_b_month(economy, task, 0.2, supplier_rents=3e11)
    without = replications.annex_b_month(economy, task, 0.2)
    assert with_rents.rents_domestic == pytest.approx(3e11)
    assert with_rents.gdp == pytest.approx(without.gdp, rel=1e-12)


def test_needed_per_adopter(economy: replications.UsBusiness) -> None:
    gain = replications.needed_per_adopter(economy, 1.5e12, 0.066)
    assert 0.8 < gain < 2.0
    assert replications.needed_per_adopter(economy, 1.5e12, 1.0) < 0.08


# --- The command ----------------------------------------------------------------------------------


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._run(["replicate", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["lines"]) == len(LINES)
    assert {"published", "ours", "difference", "tolerance", "verdict"} <= set(said["lines"][0])
    assert cli._run(["replicate"]) == 0
    text = capsys.readouterr().out
    assert "Not reproducible here" in text and "not GDP" in text


def test_command_says_no(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [replace(LINES[0], ours=9.0), *LINES[1:]]
    monkeypatch.setattr(replications, "replicate", lambda: wrong)
    assert cli._run(["replicate", "--json"]) == 4
    assert "outside tolerance: R1" in capsys.readouterr().err


def test_missing_input_is_refused() -> None:
    with pytest.raises(data.DataError, match="no input R1/nothing"):
        replications.Inputs("R1", {})["nothing"]
