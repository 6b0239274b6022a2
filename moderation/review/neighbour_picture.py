"""The follow neighbourhood of an account as SVG: the account in the middle, its neighbours in two columns."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from moderation.review.neighbourhood import Neighbour
from moderation.text.terminal import runs

WIDTH, ROW, TOP = 440, 26, 22
COLUMNS = (158, 282)
"""Where the marks of the two columns are; their labels are outside."""
RADIUS, MIDDLE_RADIUS, ARROW = 6, 11, 7.0
LABEL_CHARS = 16


def neighbour_svg(neighbours: Sequence[Neighbour]) -> Markup:
    """Return the drawing, empty without neighbours. It repeats the list beside it, so that it is hidden from readers.

    An arrow points at the account that is followed. A filled mark is an account with a flag and leads to its page.
    """
    if not neighbours:
        return Markup("")
    rows = -(-len(neighbours) // 2)
    height = 2 * TOP + ROW * (rows - 1)
    middle = (WIDTH / 2, height / 2)
    placed = [(one, (float(COLUMNS[at % 2]), float(TOP + ROW * (at // 2)))) for at, one in enumerate(neighbours)]
    lines = Markup("").join(_line(one, middle, place) for one, place in placed)
    marks = Markup("").join(_mark(one, place) for one, place in placed)
    return Markup(
        '<svg class="neighbours" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">{}'
        '<circle class="own" cx="{:.1f}" cy="{:.1f}" r="{}"/>{}</svg>'
    ).format(WIDTH, height, lines, *middle, MIDDLE_RADIUS, marks)


def picture_label(text: str) -> str:
    """Return an id for the drawing: characters that act invisibly as their codes, and a long one cut in the middle."""
    pieces = (" ".join(f"U+{ord(sign):04X}" for sign in piece) if acts else piece for piece, acts in runs(text))
    label = "".join(pieces)
    half = LABEL_CHARS // 2
    return label if len(label) <= LABEL_CHARS else f"{label[: half - 1]}…{label[-half:]}"


def _line(one: Neighbour, middle: tuple[float, float], place: tuple[float, float]) -> Markup:
    (x, y), (end_x, end_y) = middle, place
    length = ((end_x - x) ** 2 + (end_y - y) ** 2) ** 0.5
    step = ((end_x - x) / length, (end_y - y) / length)
    near = (x + step[0] * (MIDDLE_RADIUS + 2), y + step[1] * (MIDDLE_RADIUS + 2))
    far = (end_x - step[0] * (RADIUS + 2), end_y - step[1] * (RADIUS + 2))
    heads = []
    if one.relation in ("follows", "mutual"):
        heads.append(_head(far, step))
    if one.relation in ("followed_by", "mutual"):
        heads.append(_head(near, (-step[0], -step[1])))
    line = Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(*near, *far)
    return line + Markup("").join(heads)


def _head(tip: tuple[float, float], step: tuple[float, float]) -> Markup:
    """Return the head of an arrow that points along a step."""
    back = (tip[0] - ARROW * step[0], tip[1] - ARROW * step[1])
    side = (-step[1] * ARROW / 2, step[0] * ARROW / 2)
    return Markup('<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}L{:.1f} {:.1f}z"/>').format(
        *tip, back[0] + side[0], back[1] + side[1], back[0] - side[0], back[1] - side[1]
    )


def _mark(one: Neighbour, place: tuple[float, float]) -> Markup:
    x, y = place
    left = x < WIDTH / 2
    words = "no flag" if one.key is None else picture_label(one.account_id or "post without account")
    kind = "unflagged" if one.key is None else "flagged"
    anchor, label_x = ("end", x - 12) if left else ("start", x + 12)
    circle = Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(kind, x, y, RADIUS)
    label = Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    mark = circle + label.format(kind, label_x, y + 4, anchor, words)
    if one.key is None:
        return mark
    return Markup('<a href="/accounts/{}" tabindex="-1">{}</a>').format(one.key, mark)
