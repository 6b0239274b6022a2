"""The report of the demo: figures with samples, and escaped texts."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from moderation.demo.figures import figures, set_aside
from moderation.demo.observed import AccountPeaks
from moderation.demo.report import LOOK_ALIKES, STRENGTHS, print_figures
from moderation.lab.simulation import Truth
from moderation.lab.simulation.ranges import CAMPAIGNS, KINDS


def crowd() -> tuple[list[Truth], dict[str, AccountPeaks]]:
    truth = [Truth(f"g{number}", "campus" if number % 2 else "desktop", None, None) for number in range(100)]
    truth += [Truth(f"c{number}", "campaign", "strong", f"strong-{number % 2}") for number in range(10)]
    peaks = {
        one.account_id: AccountPeaks(
            content=float(index % 7) if one.genuine else 9.0,
            metadata=0.1 if one.genuine else 0.05,
            both=0.2 if one.genuine else 0.9,
            flagged=one.campaign == "strong-0",
            posts=2,
        )
        for index, one in enumerate(truth)
    }
    return truth, peaks


def test_accounts_that_set_a_threshold_are_not_counted_against_it() -> None:
    truth, peaks = crowd()
    found = figures(truth, peaks)
    aside = sum(1 for one in truth if one.genuine and set_aside(one.account_id))
    assert found.set_aside == aside
    content, metadata, both, shipped = found.ways
    assert {way.wrong.n for way in found.ways} == {100 - aside}
    assert [way.hits.count for way in (content, metadata, both, shipped)] == [10, 0, 10, 5]
    assert shipped.wrong.count == 0
    assert shipped.wrong.upper == pytest.approx(1 - 0.05 ** (1 / shipped.wrong.n))


def test_report_has_samples_bounds_and_simulated_note() -> None:
    output = io.StringIO()
    print_figures(Console(file=output, width=160), figures(*crowd()))
    text = output.getvalue()
    assert "Missed completely: 1 of 2 campaigns. The largest of them is strong-1" in text
    assert "SIMULATED" in text
    assert "not the rates of a platform" in " ".join(text.split())
    assert "At most" in text
    assert "campus network" in text


def test_every_campaign_strength_has_a_description() -> None:
    assert {strength for ranges in CAMPAIGNS.values() for strength in ranges} <= set(STRENGTHS)
    assert set(LOOK_ALIKES) <= set(KINDS)
