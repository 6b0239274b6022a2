"""Short pieces of code and program output."""

from __future__ import annotations

import random

from moderation.lab.attacks.slots import Slots, filled

_CODE: tuple[str, ...] = (
    "def «verb»_«noun»s(«noun»s):\n    return [x for x in «noun»s if x.«field» > «n»]",
    "for i in range(«n»):\n    «noun» = «verb»(i)\n    if not «noun»:\n        break\n    print(i, «noun».«field»)",
    (
        "class «Noun»:\n    def __init__(self, «field»=«n»):\n        self.«field» = «field»\n\n"
        "    def «verb»(self):\n        return self.«field» * «n»"
    ),
    "SELECT «field», COUNT(*) AS n FROM «noun»s WHERE «other» >= «n» GROUP BY «field» ORDER BY n DESC LIMIT «n»;",
    (
        "ALTER TABLE «noun»s ADD COLUMN «field» INTEGER NOT NULL DEFAULT «n»;\n"
        "CREATE INDEX «noun»s_«field» ON «noun»s («field», «other»);"
    ),
    (
        "const «noun»s = await fetch('/api/«noun»s?«field»=«n»').then(r => r.json());\n"
        "«noun»s.forEach(x => console.log(x.«field», x.«other»));"
    ),
    (
        "function «verb»«Noun»(a, b) {\n  if (a.«field» === b.«field») return 0;\n"
        "  return a.«field» < b.«field» ? -1 : 1;\n}"
    ),
    'for f in *.«ext»; do\n  «tool» -n «n» "$f" > "${f%.«ext»}.out"\ndone',
    "«tool» --«field» «n» --«other»=«n» «noun»s.«ext» | sort | uniq -c | head -«n»",
    '{"«noun»": {"«field»": «n», "«other»": [«n», «n»], "enabled": false}}',
    '[«noun»]\n«field» = «n»\n«other» = "«verb»"\nretries = «n»',
    "«noun»:\n  «field»: «n»\n  «other»:\n    - «verb»\n    - «tool»\n",
    ".«noun» { margin: «n»px auto; padding: 0 «n»px; }\n.«noun»:hover { opacity: 0.«n»; }",
    '<ul class="«noun»s">\n  <li id="«field»">«n»</li>\n  <li id="«other»">«n»</li>\n</ul>',
    (
        'Traceback (most recent call last):\n  File "«verb».py", line «n», in <module>\n    «verb»(«noun»)\n'
        "AttributeError: '«Noun»' object has no attribute '«field»'"
    ),
    "error[E0«n»]: mismatched types\n --> src/«noun».rs:«n»:«n»\n  expected `u32`, found `&str`",
    "int «verb»(struct «noun» *p, int «field») {\n    if (!p) return -1;\n    p->«field» += «field»;\n    return 0;\n}",
    'git checkout -b «verb»-«noun»\ngit add src/«noun».«ext»\ngit commit -m "«verb» «noun» «field» (#«n»)"',
)
_CODE_SLOTS: Slots = {
    "verb": ("load", "merge", "count", "parse", "drop", "rotate", "check", "flush", "draw"),
    "noun": ("user", "order", "row", "track", "invoice", "node", "ticket", "image", "route"),
    "field": ("age", "size", "price", "rank", "depth", "score", "width", "offset"),
    "other": ("total", "limit", "status", "height", "weight", "level"),
    "ext": ("csv", "txt", "log", "json", "py"),
    "tool": ("head", "convert", "grep", "tail", "awk"),
    "n": range(10, 100),
}


def code_snippet(rng: random.Random) -> str:
    """Return some lines of code, a query, a settings file or an error message of an invented program.

    A name is the same at all its places in a snippet; each number is drawn separately.
    """
    names = {slot: (str(rng.choice(values)),) for slot, values in _CODE_SLOTS.items() if slot != "n"}
    capital = (names["noun"][0].capitalize(),)
    return filled(rng.choice(_CODE), {**_CODE_SLOTS, **names, "Noun": capital}, rng)
