"""Prints flags on a terminal. Untrusted text is escaped and never interpreted as markup."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from moderation.review.queries import FlagDetail, FlagSummary
from moderation.text import normalise
from moderation.text.terminal import shortened, visible, visible_lines

STATUS_STYLES = {"open": "bold yellow", "confirmed": "red", "not_a_violation": "green", "uncertain": "magenta"}
ID_WIDTH = 24
QUOTED_WIDTH = 30
TABLE_WIDTH = 140
"""On a narrower terminal each flag is printed in a few lines instead of a table."""


def print_list(flags: Sequence[FlagSummary], limit: int) -> None:
    """Print flags as a table, or in a few lines each on a narrow terminal, and the next command."""
    console = Console(highlight=False)
    if not flags:
        console.print(Text("no flags match"))
        return
    if console.width >= TABLE_WIDTH:
        _print_table(console, flags)
    else:
        _print_blocks(console, flags)
    if len(flags) == limit:
        console.print(Text(f"there may be more: --after {flags[-1].id}"))
    console.print(Text(f"why one was raised: moderation flags show {flags[0].id}"))


def _print_blocks(console: Console, flags: Sequence[FlagSummary]) -> None:
    for flag in flags:
        console.print(
            Text(f"flag {flag.id}  ", style="bold"),
            _status(flag),
            Text(f"  version {flag.version}  risk {_number(flag.risk)}  {_time(flag.raised_at)} UTC"),
            sep="",
        )
        lines = Table.grid(padding=(0, 2))
        lines.add_row("  account", Text(shortened(flag.account_id or "-", 2 * ID_WIDTH)))
        lines.add_row("  post", Text(shortened(flag.post_id, 2 * ID_WIDTH)))
        lines.add_row("  agree", Text(visible(", ".join(flag.agreeing))))
        lines.add_row("  why", Text(shortened(flag.leading_reason or "-", 200)))
        console.print(lines)


def _print_table(console: Console, flags: Sequence[FlagSummary]) -> None:
    table = Table(title="flags: requests for a person's judgement", title_justify="left")
    table.add_column("flag", justify="right", no_wrap=True)
    table.add_column("raised (UTC)", no_wrap=True)
    table.add_column("risk", justify="right", no_wrap=True)
    table.add_column("version", justify="right", no_wrap=True)
    for name in ("status", "account", "post", "families that agree", "why"):
        table.add_column(name)
    for flag in flags:
        table.add_row(
            Text(str(flag.id)),
            Text(_time(flag.raised_at)),
            Text(_number(flag.risk)),
            Text(str(flag.version)),
            _status(flag),
            Text(shortened(flag.account_id or "-", ID_WIDTH)),
            Text(shortened(flag.post_id, ID_WIDTH)),
            Text(visible(", ".join(flag.agreeing))),
            Text(shortened(flag.leading_reason or "-", 200)),
        )
    console.print(table)


def print_flag(detail: FlagDetail) -> None:
    """Print one flag in the order in which a reviewer needs its parts."""
    console = Console(highlight=False)
    flag = detail.summary
    console.print(Text(f"flag {flag.id}  ", style="bold"), _status(flag), Text(f"  version {flag.version}"))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(detail):
        facts.add_row(Text(name, style="dim"), Text(visible(value)))
    console.print(facts)
    _print_families(console, detail)
    _print_reasons(console, detail)
    _print_text(console, detail)
    _print_history(console, detail)
    console.print(
        Text(
            f"\nto decide: moderation flags decide {flag.id} --version {flag.version} --who NAME --role ROLE "
            "--verdict VERDICT --ground WHY"
        )
    )


def _facts(detail: FlagDetail) -> list[tuple[str, str]]:
    flag = detail.summary
    facts = [
        ("post", flag.post_id),
        ("account", flag.account_id or "-"),
        ("written", "-" if flag.event_time is None else _time(flag.event_time)),
        ("raised", _time(flag.raised_at)),
        ("risk", f"{_number(flag.risk)} (flagged above {_number(detail.threshold)})"),
        ("synthetic score", f"{_number(flag.synthetic_score)} (probability that the text is machine-written)"),
        ("families that agree", ", ".join(flag.agreeing) or "-"),
        ("models", f"detector {detail.detector_version[:12]}, risk {detail.risk_version[:12]}"),
    ]
    if flag.deleted_at is not None:
        until = "" if flag.retain_until is None else f"; text and hashes are deleted by {_time(flag.retain_until)}"
        facts.append(("post deleted", _time(flag.deleted_at) + until))
    if detail.truncated:
        facts.append(("text", "too long to be scored completely; a fixed set of sections was scored"))
    if detail.missing:
        facts.append(("invalid, so missing", ", ".join(detail.missing)))
    if detail.degraded:
        facts.append(("not known then", ", ".join(detail.degraded)))
    return facts


def _print_families(console: Console, detail: FlagDetail) -> None:
    table = Table("family", "p-value", "score", title="signal families", title_justify="left")
    for family in detail.families:
        agreeing = family.family in detail.summary.agreeing
        table.add_row(
            Text(visible(family.family), style="bold" if agreeing else ""),
            Text(_number(family.p_value)),
            Text(_number(family.score)),
        )
    console.print(table)


def _print_reasons(console: Console, detail: FlagDetail) -> None:
    table = Table("family", "why", "weight", title="reasons for the risk", title_justify="left")
    for reason in sorted(detail.reasons, key=lambda reason: -reason.contribution):
        table.add_row(Text(visible(reason.family)), Text(visible(reason.sentence)), Text(f"{reason.contribution:+.2f}"))
    console.print(table)


def _print_text(console: Console, detail: FlagDetail) -> None:
    if detail.evidence is None:
        console.print(Text("\nthe text is no longer kept: it has expired or was erased", style="dim"))
        return
    console.print(Text(f"\ntext (kept until {_time(detail.evidence.expires_at)}):", style="dim"))
    console.print(Text(visible_lines(detail.evidence.text)))
    _print_sections(console, detail, normalise(detail.evidence.text))


def _print_sections(console: Console, detail: FlagDetail, read: str) -> None:
    """Print the logit of each section with its words; offsets are in *read*, the normalised text, not in the post.

    Sections of a truncated text have only numbers, because their offsets depend on the settings at that time.
    """
    sections = detail.sections
    # The sections of a complete text reach its end; else the normalisation has changed since.
    known = bool(sections) and not detail.truncated and max(section.end for section in sections) == len(read)
    if known:
        line = "as the detector read it, with links, mentions, quotations and code masked:"
        console.print(Text(line, style="dim"))
    for number, section in enumerate(sections, start=1):
        words = f", {_quoted(read[section.start : section.end])}" if known else ""
        line = f"  section {number} of {len(sections)}{words}: logit {section.logit:+.2f}"
        console.print(Text(line, style="dim"))


def _quoted(passage: str) -> str:
    """Return the passage in quotation marks; of a long one its beginning and end."""
    passage = passage.strip()
    if len(passage) <= 2 * QUOTED_WIDTH:
        return f"“{visible(passage)}”"
    return f"“{visible(passage[:QUOTED_WIDTH])}…” to “…{visible(passage[-QUOTED_WIDTH:])}”"


def _print_history(console: Console, detail: FlagDetail) -> None:
    for decision in detail.decisions:
        line = f"{_time(decision.decided_at)}  version {decision.version}: {decision.verdict} by {decision.who} "
        console.print(Text(visible(line + f"({decision.role}): {decision.ground}")))
    for label in detail.labels:
        line = f"{_time(label.given_at)}  label on the {label.about}: {label.verdict} from {label.source}"
        console.print(Text(visible(line)))


def _status(flag: FlagSummary) -> Text:
    text = Text(flag.status, style=STATUS_STYLES.get(flag.status, ""))
    return text.append(" (post deleted)", style="dim") if flag.deleted_at is not None else text


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
