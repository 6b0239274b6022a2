"""A table of English phrases and their word-by-word translations from other languages."""

from __future__ import annotations

_TABLE = """
i am afraid that: i have fear that
i am afraid: i have fear
i am cold: i have cold
i am hungry: i have hunger
i am thirsty: i have thirst
i am right: i have reason
i don't know: i not know
i don't think so: i believe that not
i don't like: it not pleases me
i like: it pleases me
i miss you: you lack to me
i think that: i find that
i think: i find
i agree: i am agree
i'm sorry: it makes me pain
how are you: how goes it you
how much does it cost: how much costs it
what time is it: how late is it
there is: it gives
there are: it gives
there was: it gave
there were: it gave
it depends on: it comes on
it doesn't matter: it makes nothing
a lot of: very much
at home: in the house
by the way: by side
for a long time: since long
for example: to the example
for the first time: to the first time
from time to time: of time in time
in my opinion: after my meaning
in the end: to the end
in the evening: at the evening
in the morning: at the morning
last year: in the past year
next week: the week that comes
right now: in this moment
so far: until now
the day after tomorrow: the over-tomorrow
two weeks: fourteen days
as soon as possible: so soon as possible
ask a question: put a question
make a decision: take a decision
made a decision: took a decision
make friends: win friends
pay attention: give attention
take a photo: make a photo
took a photo: made a photo
take a shower: make a shower
take a walk: make a walk
have fun: make fun
had fun: made fun
had a good time: passed good time
do sports: make sport
go shopping: make the shopping
go to bed: go in the bed
grew up: became big
look forward to: rejoice on
is called: calls itself
of course: self-understandably
remember: remember me of
forget it: forget you it
please: i ask you
unfortunately: to the misfortune
however: but however
moreover: besides of this
furthermore: further
because: for the reason that
although: also when
maybe: can be
very good: very well good
very much: much very
very: much
really: in reality
already: yet
still: always still
often: many times
usually: in the normal case
important: of importance
interesting: of interest
useful: of use
many people: much people
most people: the most of the people
old friend: friend old
young people: the youth
want to: will
wanted to: would
would like to: would want to
have to: must
had to: must
used to: was accustomed to
"""

CALQUES: dict[str, str] = dict(line.split(": ", 1) for line in _TABLE.strip().splitlines())
