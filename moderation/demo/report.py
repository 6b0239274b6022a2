"""Prints the result of the demo: flags with their reasons, and figures with samples and intervals."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from moderation.demo.figures import ASIDE_RATE, CampaignFate, Figures, Share
from moderation.effects import Assessment, FlagRaised
from moderation.text.terminal import shortened

SHOWN_FLAGS = 8
SHOWN_REASONS = 3
TEXT_WIDTH = 90

LOOK_ALIKES = {
    "campus": "campus network (many people, one address)",
    "dormitory": "dormitory (many people on one network)",
    "household": "household (a few people on one address, at the same hours)",
    "carrier": "carrier NAT (hundreds on one address)",
    "fan": "fan cluster (densely connected)",
    "scheduler": "scheduling service (posts on the minute, no typing)",
    "template": "templates (mostly pasted)",
    "dictation": "dictation",
    "assistive": "assistive input",
    "ime": "input method editor",
    "non_native": "writes in a second language",
    "newcomer": "new accounts",
    "classroom": "learners in a classroom (new accounts, one address, one lesson)",
    "newsroom": "newsrooms, brands and agencies (formal, on schedule)",
}
"""The property by which a kind of genuine account resembles campaigns; other kinds are ordinary."""

STRENGTHS = {
    "weak": "fresh accounts on shared hosting addresses, in one burst, typed by a script",
    "medium": "behind a few VPN exits, some days old, posts spread over days",
    "strong": "one residential address per account, replayed human typing, no ring",
    "hijacked": "established accounts taken over: a family excluded from training",
    "slow": "a few accounts on each mobile address, over weeks: excluded from training",
    "persona": "machine texts in a casual voice, behind VPN exits: excluded from training",
}


def print_flags(console: Console, flags: Iterable[FlagRaised], stored: int) -> None:
    """Print the flag of highest risk of each of the first accounts, with text, reasons and families."""
    chosen = one_per_account(_varied(one_per_account(flags))[:SHOWN_FLAGS])
    table = Table(
        title=f"Flags for a person to judge ({len(chosen)} of {stored} in the review database)",
        show_lines=True,
        title_justify="left",
    )
    table.add_column("risk", justify="right", no_wrap=True)
    table.add_column("families that agree", max_width=12)
    table.add_column("text and why", ratio=1)
    for flag in chosen:
        table.add_row(_risk(flag.assessment), Text("\n".join(flag.assessment.agreeing)), _text_and_why(flag))
    console.print(table)


def one_per_account(flags: Iterable[FlagRaised]) -> list[FlagRaised]:
    """Return the flag of highest risk of each account, the highest first."""
    best: dict[str, FlagRaised] = {}
    for flag in sorted(flags, key=lambda flag: (-(flag.assessment.risk or 0.0), flag.assessment.post_id)):
        best.setdefault(flag.assessment.account_id or "", flag)
    return list(best.values())


def _varied(flags: list[FlagRaised]) -> list[FlagRaised]:
    """Return the flags in an order in which every combination of families comes once before any is repeated."""
    rounds: dict[tuple[str, ...], int] = {}
    keyed = []
    for flag in flags:
        agreeing = flag.assessment.agreeing
        rounds[agreeing] = rounds.get(agreeing, -1) + 1
        keyed.append((rounds[agreeing], flag))
    return [flag for _, flag in sorted(keyed, key=lambda pair: pair[0])]


def _risk(assessment: Assessment) -> str:
    return "–" if assessment.risk is None else f"{assessment.risk:.4f}"


def _text_and_why(flag: FlagRaised) -> Text:
    shown = Text(f"“{shortened(' '.join(flag.evidence.text.split()), TEXT_WIDTH)}”\n", style="italic")
    shown.append(f"account {shortened(flag.assessment.account_id or '', 40)}", style="not italic dim")
    for reason in flag.assessment.reasons[:SHOWN_REASONS]:
        shown.append(f"\n• {reason.family}: {shortened(reason.sentence, 200)}", style="not italic")
    return shown


def print_figures(console: Console, found: Figures) -> None:
    """Print true and false positives of each compared score, false positives by kind, and missed campaigns."""
    table = Table(title="Accounts flagged at least once", title_justify="left")
    for column in ("decided by", "campaign accounts hit", "genuine accounts wrongly flagged", "at most (95 %)"):
        table.add_column(column, justify="left" if column == "decided by" else "right")
    for way in found.ways:
        table.add_row(way.name, _share(way.hits), _share(way.wrong), f"{way.wrong.upper:.2%}")
    console.print(table)
    console.print(
        "The first three flag above the value (evidence of the texts, metadata risk, gated risk) that "
        f"{ASIDE_RATE:.0%} of {found.set_aside} genuine accounts set aside for it exceed; those are not counted above. "
        "“As shipped” uses the stricter threshold of the bundle, which does not depend on these accounts. “At most” is "
        "the one-sided 95 % Clopper–Pearson bound."
    )
    _, metadata, both, _ = found.ways
    if both.hits.count <= metadata.hits.count:
        console.print(
            "On these texts the detector adds no hit to those of the metadata: it is weak on this kind of generator."
        )
    _print_strengths(console, found)
    _print_look_alikes(console, found)
    console.print(_missed(found.campaigns), style="bold")
    console.print(
        "\nThe texts are human texts and texts of an n-gram generator. Accounts, addresses, typing and follows are "
        "SIMULATED, by the simulator of the training, with parameter ranges held out from training. These figures show "
        "that the parts work together. They are not the rates of a platform: measure yours on your genuine accounts."
    )


def _print_strengths(console: Console, found: Figures) -> None:
    table = Table(title="Campaign accounts flagged, by strength", title_justify="left")
    for column in ("strength", "flagged", "what it does"):
        table.add_column(column)
    for name in STRENGTHS:
        if name in found.by_strength:
            table.add_row(name, _share(found.by_strength[name]), STRENGTHS[name])
    console.print(table)


def _print_look_alikes(console: Console, found: Figures) -> None:
    table = Table(title="Genuine accounts that look like a campaign and are none", title_justify="left")
    for column in ("what they are", "accounts", "wrongly flagged", "at most (95 %)"):
        table.add_column(column, justify="left" if column == "what they are" else "right")
    for kind, meaning in LOOK_ALIKES.items():
        if kind in found.look_alikes:
            share = found.look_alikes[kind]
            table.add_row(meaning, str(share.n), str(share.count), f"{share.upper:.1%}")
    console.print(table)


def _missed(campaigns: tuple[CampaignFate, ...]) -> str:
    if not campaigns:
        return "No campaign posted anything."
    fate = campaigns[0]
    how = STRENGTHS.get(fate.strength, fate.strength)
    missed = sum(1 for one in campaigns if one.flagged.count == 0)
    if fate.flagged.count == 0:
        return (
            f"Missed completely: {missed} of {len(campaigns)} campaigns. The largest of them is {fate.name} "
            f"({fate.flagged.n} accounts, {fate.posts} posts): {how}."
        )
    return (
        f"Caught least: {fate.name} ({fate.flagged.count} of {fate.flagged.n} accounts flagged, {fate.posts} posts): "
        f"{how}. Every campaign had at least one account flagged."
    )


def _share(share: Share) -> str:
    if share.n == 0:
        return "none to judge"
    return f"{share.count} of {share.n} ({share.count / share.n:.1%})"
