"""`moderation score`: judge events of a file or standard input, with one JSON line per post as output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from moderation.cli.kinds import kind_named
from moderation.errors import InputError
from moderation.output_paths import check_apart
from moderation.text.terminal import visible

if TYPE_CHECKING:
    from moderation.effects import Assessment
    from moderation.settings import Settings
    from moderation.stream.audit import AuditSampling
    from moderation.stream.ordering import Item

SOME_REJECTED = 7
NOTHING_JUDGED = 8


def score_command(
    source: Annotated[
        str, typer.Argument(metavar="FILE|-", help="File of events, one JSON object per line; - for standard input.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File for the output; default: standard output.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected lines; default: their numbers on standard error.")
    ] = None,
    sort: Annotated[bool, typer.Option("--sort", help="Sort the events by time first, in memory.")] = False,
    kind: Annotated[
        str | None, typer.Option(help="Kind of all lines (post, follow, deletion, label); default: by `type`.")
    ] = None,
    content_only: Annotated[bool, typer.Option("--content-only", help="Score only the texts.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings (bundles, mapping, lateness).")] = None,
) -> None:
    """Judge events from a file with the same core as the sidecar.

    Reads posts, follows, deletions and labels in event-time order, with the kind in `type` (default `post`) or --kind,
    and writes one JSON line per post in input order. A post with only post_id and text gets a content score and is
    never flagged. Under scoring.policy "selective" the texts that the sidecar scores with the same address key are
    scored.

    Example:  moderation score events.jsonl -o scores.jsonl --rejects bad.jsonl

    Exit codes: 0 all lines read; 7 some lines were rejected; 8 no post had an account and a time, so none could be
    judged; 2 wrong arguments or settings; 3 a bundle is unusable.
    """
    from connectors.record_files import file_or_standard_input, numbered_records
    from moderation.events.reading import RecordReader
    from moderation.events.resolution import JUDGED_BY, Resolution
    from moderation.offline import read_items
    from moderation.settings import load_settings

    only = kind_named(kind)
    settings = load_settings(config)
    with ExitStack() as stack:
        stream = stack.enter_context(file_or_standard_input(source))
        check_apart(None if source == "-" else Path(source), output, rejects)
        out = writer(stack, output)
        bad = Rejects(writer(stack, rejects) if rejects is not None else None)
        mapping = settings.field_mapping()
        reader = RecordReader(mapping, resolution=Resolution(mapping, needed=() if content_only else JUDGED_BY))
        items = read_items(numbered_records(stream, source), reader, kind=only)
        if content_only:
            counted = _content_only(items, out, bad, settings)
            reader.resolution.finish()
            sys.stderr.write(f"{counted}, {bad.count} rejected\n")
        else:
            totals = _judge(items, out, bad, settings, sort=sort)
            reader.resolution.finish()
            _conclude({**totals, "dead_letters": bad.count})
    if bad.count:
        raise typer.Exit(SOME_REJECTED)


def _judge(items: Iterable[Item], out: TextIO, bad: Rejects, settings: Settings, *, sort: bool) -> dict[str, int]:
    """Write one line per post in input order, and return the counters."""
    from moderation.offline import Moderator, batched_in_order, sorted_by_time, within_lateness

    moderator = Moderator.load(
        detector=settings.detector,
        risk=settings.risk,
        platform_id=settings.platform_id,
        graph_epoch_s=settings.state.graph_epoch_s,
        coverage=settings.state.of_a_file().coverage(),
        max_text_bytes=settings.max_text_bytes,
        threads=settings.detector_threads,
        policy=settings.scoring.policy,
        sample=_sample(settings),
    )
    if settings.state.graph_epochs is not None:
        moderator.state.epochs.read_from(settings.state.graph_epochs, settings.platform_id)
    ordered = sorted_by_time(items) if sort else within_lateness(items, settings.state.lateness_s * 1000)
    lines = (
        (number, as_json(assessment))
        for batch in batched_in_order(bad.taken_from(ordered), settings.batch.max_records)
        for number, assessment in moderator.judge(batch)
    )
    for _, line in sorted(lines) if sort else lines:
        out.write(line + "\n")
    return dict(moderator.totals)


def _sample(settings: Settings) -> AuditSampling | None:
    """Return the audit sample that the sidecar draws with these settings; None without its key."""
    from moderation.stream.audit import AuditSampling

    secret = settings.address_secret() if settings.scoring.policy == "selective" else None
    return None if secret is None else AuditSampling(secret, settings.audit.rate, settings.audit.flagged_rate)


def _conclude(totals: dict[str, int]) -> None:
    """Print the counters on standard error, and exit with NOTHING_JUDGED where nothing was judged."""
    from moderation.stream.summary import nothing_judged, summary

    sys.stderr.write(summary(totals) + "\n")
    why = nothing_judged(totals)
    if why is not None:
        sys.stderr.write(f"{why}. To score only the texts, use --content-only.\n")
        if not totals["dead_letters"]:
            raise typer.Exit(NOTHING_JUDGED)


def _content_only(items: Iterable[Item], out: TextIO, bad: Rejects, settings: Settings) -> str:
    """Write one line per post, and return how many posts were scored and records ignored, in words."""
    from moderation.detector import load_detector
    from moderation.events import Ignored, Post

    detector = load_detector(
        settings.detector, max_text_bytes=settings.max_text_bytes, threads=settings.detector_threads
    )
    posts: list[Post] = []
    read = scored = ignored = 0

    def flush() -> None:
        nonlocal read, scored
        read += len(posts)
        contents = detector.score([post.text for post in posts], [post.lang for post in posts])
        for post, content in zip(posts, contents, strict=True):
            scored += content.abstained is None
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
        ignored += isinstance(item.content, Ignored)
        if len(posts) >= settings.batch.max_records:
            flush()
    if posts:
        flush()
    return f"{read} posts read, {scored} scored, {ignored} records ignored"


def as_json(assessment: Assessment) -> str:
    """Return one assessment as the output line of `score`, in ASCII, which is safe on a terminal."""
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
    """Return the file *path*, open until *stack* ends, or standard output. Raises InputError."""
    if path is None:
        if sys.stdout is None:
            raise InputError("standard output is closed; name a file with --output")
        return sys.stdout
    try:
        return stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None


class Rejects:
    """Writes rejected lines, each with its number and the reason."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.count = 0

    def taken_from(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield the items that are events; write the others."""
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
