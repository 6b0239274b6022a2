"""A table of common English words and phrases with replacements."""

from __future__ import annotations

# One entry a line: the word, a colon, and its replacements. Verb form and following preposition fit the replacements;
# the article before may not ("an idea", "an thought"), as in the output of paraphrasing tools.
_TABLE = """
a lot of: plenty of, lots of
according to: as stated by, in the words of
almost: nearly, just about
also: as well as this, on top of that
although: even though, though
always: at all times, every time
amazing: wonderful, fantastic, superb
answer: reply, response
anyway: in any case, at any rate
as a result: because of this, so
as soon as: the moment, once
at least: no less than, not under
at the moment: right now, at present
awful: terrible, dreadful, horrible
bad: poor, lousy
beautiful: lovely, gorgeous, pretty
because: since, as
because of: due to, owing to
become: turn into, grow into
began: started, set off
begin: start, commence
benefits: advantages, gains, upsides
big: large, huge, sizeable
bought: purchased, picked up
brave: bold, daring, fearless
brief: short, quick
bright: shiny, glowing, vivid
build: construct, put together
but: yet, though
buy: purchase, get hold of
careful: cautious, wary
challenges: difficulties, hurdles, obstacles
change: shift, switch
cheap: low-priced, low-cost
choose: pick, select
clear: plain, obvious
clever: smart, bright
community: group, circle
companies: firms, businesses
completely: fully, totally, entirely
correct: right, accurate
create: make, produce
crucial: vital, key, central
dangerous: risky, hazardous, unsafe
decide: choose, settle
difficult: hard, tough, tricky
discover: find, come across
due to: because of, owing to
during: in the course of, throughout
easily: with ease, without trouble
easy: simple, painless
eat: have, consume
employees: workers, staff
enjoy: like, love
enough: sufficient, plenty
ensure: make sure, see to it
especially: above all, in particular
essential: necessary, vital, needed
even though: although, despite the fact that
every day: daily, day after day
everyone: everybody, all people
exactly: precisely, just
expensive: costly, pricey
famous: well-known, renowned
fast: quick, rapid, speedy
finally: in the end, at last
find: come across, locate
for example: for instance, to give one case
friendly: kind, warm, pleasant
frightened: scared, afraid
furthermore: what is more, besides
get: obtain, receive
gift: present, treat
give: hand over, offer
goal: aim, target
good: fine, decent, nice
great: grand, terrific, excellent
happy: glad, pleased, cheerful
help: assist, support
helpful: useful, handy
house: home, place
however: still, even so, that said
huge: massive, giant, vast
idea: thought, notion
immediately: at once, straight away
important: major, serious, big
impossible: out of the question, not doable
improve: better, boost, lift
in addition: besides, on top of that
in conclusion: to sum up, all in all
in order to: so as to, to
in particular: above all, specifically
individuals: people, persons
instead of: rather than, in place of
job: position, role
journey: trip, ride
keep: hold on to, retain
kids: children, youngsters
large: big, sizeable
laugh: chuckle, giggle
learn: find out, pick up
little: small, tiny
look at: view, check out
lots of: plenty of, a lot of
lucky: fortunate, blessed
many: lots of, plenty of, numerous
maybe: perhaps, possibly
mistake: blunder, slip
more than: over, upwards of
moreover: besides, what is more
mostly: mainly, for the most part
necessary: needed, required
need: require, want
never: not once, at no time
new: fresh, recent
nice: pleasant, lovely
now: at present, these days
numerous: many, countless, lots of
often: frequently, many times, regularly
opportunity: chance, opening
overall: all in all, on the whole
people: folks, persons
perhaps: maybe, possibly
prefer: favour, would rather have
problem: trouble, difficulty
problems: troubles, difficulties
quickly: rapidly, fast, in no time
quiet: calm, silent
quite: rather, fairly
rather than: instead of, and not
really: truly, genuinely
recently: lately, not long ago
remember: recall, think of
rich: wealthy, well-off
right now: at this moment, this minute
road: street, lane
sad: unhappy, gloomy, down
said: stated, remarked
select: choose, pick
several: some, various
shop: store, boutique
show: display, present
significant: notable, considerable, marked
significantly: greatly, notably, considerably
simple: plain, basic
slowly: bit by bit, at a slow pace
small: little, tiny
smart: clever, bright
sometimes: now and then, at times, once in a while
soon: shortly, before long
start: begin, kick off
strange: weird, odd, peculiar
strong: sturdy, powerful, tough
students: pupils, learners
such as: like, for instance
sure: certain, confident
take part in: join, participate in
talk: chat, speak
tell: inform, let know
terrible: awful, dreadful
therefore: so, hence, for that reason
think: believe, reckon, feel
tired: worn out, sleepy, drained
town: city, place
trip: journey, outing
try: attempt, seek
understand: grasp, get
use: employ, make use of
usually: normally, as a rule, mostly
utilize: use, employ
valuable: precious, prized
various: different, assorted
very: really, truly, highly
want: wish, would like
watch: view, look at
whole: entire, full
wonderful: marvellous, splendid, lovely
wrong: incorrect, mistaken
yearly: each year, every year
"""

SYNONYMS: dict[str, tuple[str, ...]] = {
    word: tuple(others.split(", ")) for word, others in (line.split(": ") for line in _TABLE.strip().splitlines())
}
