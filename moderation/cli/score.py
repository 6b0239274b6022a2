"""`moderation score`: events from a file or standard input, one JSON line per post out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from moderation.errors import InputError, SettingsError
from moderation.mapping import KINDS
from moderation.output_paths import check_apart
from moderation.text.terminal import visible

if TYPE_CHECKING:
    from moderation.effects import Assessment
    from moderation.settings import Settings
    from moderation.stream.ordering import Item

SOME_REJECTED = 7
NOTHING_JUDGED = 8


def score_command(
    source: Annotated[
        str, typer.Argument(metavar="FILE|-", help="file of events, one JSON object a line; - for standard input")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="where to write; default: standard output")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="where bad lines go; default: standard error, by number")] = None,
    sort: Annotated[bool, typer.Option("--sort", help="sort the events by time first (holds them in memory)")] = False,
    kind: Annotated[
        str | None, typer.Option(help="what every line is (post, follow, deletion, label); default: `type` decides")
    ] = None,
    content_only: Annotated[bool, typer.Option("--content-only", help="score the texts and nothing else")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings (bundles, mapping, lateness)")] = None,
) -> None:
    """Judge events from a file with the same core as the sidecar.

    Reads posts, follows, deletions and labels, told apart by `type` (`post` when absent) or by --kind, in event-time
    order, and writes one JSON line per post in input order. A post with only post_id and text gets its content score
    and is never flagged.

    Example:  moderation score events.jsonl -o scores.jsonl --rejects bad.jsonl

    Exit codes: 0 all lines read; 7 some lines were rejected; 8 no post had an account and a time, so none could be
    judged; 2 wrong arguments or settings; 3 a bundle is unusable.
    """
    from connectors.record_files import file_or_standard_input, numbered_records
    from moderation.events.reading import RecordReader
    from moderation.events.resolution import JUDGED_BY, Resolution
    from moderation.offline import read_items
    from moderation.settings import load_settings

    chosen = next((known for known in KINDS if known == kind), None)
    if kind is not None and chosen is None:
        raise SettingsError(f"--kind takes one of {', '.join(KINDS)}, not {kind!r}")
    settings = load_settings(config)
    with ExitStack() as stack:
        stream = stack.enter_context(file_or_standard_input(source))
        check_apart(None if source == "-" else Path(source), output, rejects)
        out = writer(stack, output)
        bad = Rejects(writer(stack, rejects) if rejects is not None else None)
        mapping = settings.field_mapping()
        needed = () if content_only else JUDGED_BY
        reader = RecordReader(mapping, resolution=Resolution(mapping, needed=needed))
        items: Iterable[Item] = read_items(numbered_records(stream, source), reader, kind=chosen)
        totals = None
        if content_only:
            _content_only(items, out, bad, settings)
        else:
            totals = _judge(items, out, bad, settings, sort=sort)
        reader.resolution.finish()
        if totals is not None:
            _conclude({**totals, "dead_letters": bad.count})
    if bad.count:
        raise typer.Exit(SOME_REJECTED)


def _judge(items: Iterable[Item], out: TextIO, bad: Rejects, settings: Settings, *, sort: bool) -> dict[str, int]:
    """Write one line per post in the order of the input, and return what was counted."""
    from moderation.offline import Moderator, batched_in_order, sorted_by_time, within_lateness

    moderator = Moderator.load(
        detector=settings.detector,
        risk=settings.risk,
        platform_id=settings.platform_id,
        graph_epoch_s=settings.state.graph_epoch_s,
        max_text_bytes=settings.max_text_bytes,
        threads=settings.detector_threads,
    )
    ordered = sorted_by_time(items) if sort else within_lateness(items, settings.state.lateness_s * 1000)
    lines = (
        (number, as_json(assessment))
        for batch in batched_in_order(bad.taken_from(ordered), settings.batch.max_records)
        for number, assessment in moderator.judge(batch)
    )
    for _, line in sorted(lines) if sort else lines:
        out.write(line + "\n")
    return dict(moderator.totals)


def _conclude(totals: dict[str, int]) -> None:
    """Print the counts on standard error, and end with an exit code of its own where nothing was judged."""
    from moderation.stream.summary import nothing_judged, summary

    sys.stderr.write(summary(totals) + "\n")
    why = nothing_judged(totals)
    if why is not None:
        sys.stderr.write(f"{why}. To score texts alone, use --content-only.\n")
        if not totals["dead_letters"]:
            raise typer.Exit(NOTHING_JUDGED)


def _content_only(items: Iterable[Item], out: TextIO, bad: Rejects, settings: Settings) -> None:
    from moderation.detector import load_detector
    from moderation.events import Post

    detector = load_detector(
        settings.detector, max_text_bytes=settings.max_text_bytes, threads=settings.detector_threads
    )
    posts: list[Post] = []

    def flush() -> None:
        contents = detector.score([post.text for post in posts], [post.lang for post in posts])
        for post, content in zip(posts, contents, strict=True):
            line = {
                "post_id": post.post_id,
                "synthetic_score": _number(content.probability),
                "synthetic_logit": _number(content.logit),
                "content_abstained": content.abstained,
                "tampered_share": round(content.tampering.share, 4),
            }
            out.write(json.dumps(line) + "\n")
        posts.clear()

    for item in bad.taken_from(items):
        if isinstance(item.content, Post):
            posts.append(item.content)
        if len(posts) >= settings.batch.max_records:
            flush()
    if posts:
        flush()


def as_json(assessment: Assessment) -> str:
    """One assessment as the line that `score` writes, in ASCII: nothing that a post says acts on a terminal."""
    return json.dumps(
        {
            "post_id": assessment.post_id,
            "synthetic_score": assessment.synthetic_score,
            "synthetic_logit": assessment.synthetic_logit,
            "content_abstained": assessment.content_abstained,
            "tampered_share": round(assessment.tampered_share, 4),
            "risk": assessment.risk,
            "flag": assessment.flagged,
            "families": list(assessment.agreeing),
            "p_values": {family.family: family.p_value for family in assessment.families},
            "reasons": [
                {"family": reason.family, "feature": reason.feature, "value": reason.value, "why": reason.sentence}
                for reason in assessment.reasons
            ],
            "truncated": assessment.truncated,
            "missing": list(assessment.missing),
        }
    )


def _number(value: float) -> float | None:
    return None if value != value else value


def writer(stack: ExitStack, path: Path | None) -> TextIO:
    """The file at *path*, open until *stack* ends, or standard output. Raises InputError."""
    if path is None:
        if sys.stdout is None:
            raise InputError("standard output is closed; name a file with --output")
        return sys.stdout
    try:
        return stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


class Rejects:
    """Lines that could not be used, each with its number and the reason."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.count = 0

    def taken_from(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items that are events; the others are written down."""
        from moderation.events import BadRecord

        for item in items:
            if isinstance(item.content, BadRecord):
                self._write(item, item.content.reason)
            else:
                yield item

    def _write(self, item: Item, reason: str) -> None:
        self.count += 1
        number = item.origin.offset + 1
        if self._file is None:
            sys.stderr.write(f"line {number}: {visible(reason)}\n")
            return
        record = (item.origin.value or b"").decode("utf-8", "backslashreplace")
        self._file.write(json.dumps({"line": number, "reason": reason, "record": record}) + "\n")
