"""The style sheet of the report, with a light and a dark scheme."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --ink: #1c1f24; --soft: #5a6270; --faint: #a9b0bb; --panel: #f3f5f8; --alarm: #b3261e;
  --series-1: #1f5fbf; --series-2: #c05a00; --series-3: #1b7f4d; --series-4: #8a3fa8; --series-5: #8a6d00;
  --series-6: #0d7d8c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171c; --ink: #e7eaef; --soft: #a3acba; --faint: #5d6673; --panel: #1e232b; --alarm: #ff8a80;
    --series-1: #7fb0ff; --series-2: #ffab66; --series-3: #6fd6a2; --series-4: #d3a0ec; --series-5: #e0c45c;
    --series-6: #6ed0de;
  }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 3rem 0 .3rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
p { margin: .4rem 0 .8rem; max-width: 48rem; }
.about { color: var(--soft); overflow-wrap: anywhere; }
.headline { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); margin: 1.5rem 0; }
.headline div { background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; }
.headline strong { display: block; font-size: 1.8rem; line-height: 1.2; }
.headline span { color: var(--soft); font-size: .9rem; }
figure { margin: 1rem 0; }
figcaption { color: var(--soft); max-width: 48rem; margin-top: .3rem; }
svg { display: block; width: 100%; max-width: 52rem; height: auto; }
.table { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; text-align: right; vertical-align: top; }
th, td { border-bottom: 1px solid var(--panel); }
td { white-space: nowrap; }
th:first-child { text-align: left; font-weight: 500; white-space: nowrap; }
thead th { border-bottom: 1px solid var(--faint); font-weight: 600; vertical-align: bottom; }
small { color: var(--soft); }
.words td:last-child, .words th:last-child, .gaps th, .gaps td { text-align: left; white-space: normal; }
.words td:last-child { min-width: 12rem; }
"""
