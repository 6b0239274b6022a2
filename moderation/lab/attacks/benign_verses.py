"""Rhymed verses with a refrain, as people quote songs: regular and repetitive human text."""

from __future__ import annotations

import random

_REFRAINS: tuple[str, ...] = (
    "Oh carry me over the water again,\nover the water and into the rain,\noh carry me over the water.",
    "La la, the lamps are low,\nla la, it's time to go,\nla la, and nobody knows,\nnobody knows but the river.",
    (
        "Turn it up, turn it up, let the floorboards shake,\nwe're only as young as the noise we make,\n"
        "turn it up, turn it up, for the old street's sake."
    ),
    (
        "And I'll wait, I'll wait by the garden gate\nwith my shoes in my hand and my dinner late,\n"
        "I'll wait, I'll wait, I'll wait."
    ),
    "Hey ho, the wind and the wire,\nhey ho, put a log on the fire,\nhey ho, we'll be home by the morning.",
    (
        "Don't sell the piano, don't sell the chair,\ndon't sell the mirror that hung on the stair,\n"
        "I still hear you singing, I still see you there."
    ),
    "Round and round on the number nine,\nround and round on the old tram line,\nyour stop, my stop, never on time.",
    (
        "Sleep now, little one, sleep now, sleep,\nthe goats are all counted, the snow is deep,\n"
        "sleep now, little one, sleep."
    ),
)
_COUPLETS: tuple[str, ...] = (
    "My father kept pigeons in boxes of tin,\nhe whistled at evening to call them all in.",
    "There's frost on the window and dust on the sill,\nand somebody's bicycle halfway up the hill.",
    "The baker was singing, the bread wouldn't rise,\nthe cat on the counter was closing her eyes.",
    "I wrote you a letter, I wrote you a song,\nI got the words right but the postage was wrong.",
    "The harbour is empty, the ferry is late,\nthe gulls share a sandwich on top of the crate.",
    "We danced in the kitchen with nothing to lose,\ntwo plates and a kettle and somebody's shoes.",
    "My coat has a hole where the money ran through,\nbut I've still got a pocket for me and for you.",
    "The radio crackled, the signal was weak,\nwe hadn't had sunshine for most of a week.",
    "She came from the mountains, she came with the snow,\nwith a red woollen scarf and nowhere to go.",
    "The church bell is broken, it rings out at three,\nand wakes up the baker, the dog, and then me.",
    "You left me your jumper, you left me your keys,\na jar full of buttons, a hive without bees.",
    "The market is closing, the awnings come down,\nthe last of the peaches go cheap through the town.",
    "There's salt in my pockets and sand in my bed,\nand half of a chorus stuck fast in my head.",
    "The moon's on the rooftops, the milk's on the step,\nI'm counting the promises nobody kept.",
    "Old Martha sells lilies, old Peter sells string,\nand neither remembers who bought anything.",
    "I learned how to swim in the cold of the lake,\nI learned how to leave from the words people take.",
    "The train has a whistle, the track has a bend,\nand I've got a ticket that's torn at the end.",
    "The snow on the allotment is blue in the light,\nthe foxes have business there most of the night.",
    "My brother drives lorries from here to the sea,\nhe hums in the dark and it comes back to me.",
    "The clock in the station has never been right,\nbut we said hello there and we said good night.",
    "A kite in the branches, a boot in the stream,\nthe whole summer long in the back of a dream.",
    "We painted the door in the colour of plums,\nand sat on the step till the evening comes.",
    "The fiddle is cracked and the bow has no hair,\nbut give me a Friday and I'll play you an air.",
    "There's tea in the flask and there's road up ahead,\nand twenty more miles till I'm home in my bed.",
)


def verses(rng: random.Random) -> str:
    """Return two to four verses of two couplets each, every one followed by the same refrain."""
    count = rng.randint(2, 4)
    refrain = rng.choice(_REFRAINS)
    couplets = rng.sample(_COUPLETS, 2 * count)
    songs = [f"{couplets[2 * at]}\n{couplets[2 * at + 1]}\n\n{refrain}" for at in range(count)]
    return "\n\n".join(songs)
