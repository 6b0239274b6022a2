"""Order confirmations, weather reports and sports results: formulaic human texts."""

from __future__ import annotations

import random

from moderation.lab.attacks.slots import Slots, filled

_ORDERS: tuple[str, ...] = (
    (
        "Thank you for your order «letter»«order». Your parcel with «items» items will be sent on «day» and should "
        "reach you within «days» working days. You can change the delivery address until «hour»:00."
    ),
    (
        "Order no. «order»: «goods», quantity «items», total «price».«cents» incl. VAT. Payment received. We will "
        "write again as soon as it has left our warehouse."
    ),
    (
        "Hello «name», we have received your order of «goods» (no. «order»). Estimated delivery: «day», between "
        "«hour»:00 and «later»:00. Please keep this message for your records."
    ),
    (
        "Your order «letter»«order» has been shipped. Contents: «items» x «goods». Carrier: «carrier». Tracking "
        "number: «letter»«order»«cents». Please do not reply to this message."
    ),
    (
        "Dear «name», your table for «items» on «day» at «later»:30 is confirmed. Booking reference «letter»«order». "
        "If your plans change, please let us know at least «days» hours before."
    ),
)
_ORDER_SLOTS: Slots = {
    "letter": ("A", "B", "K", "R", "T", "X"),
    "order": range(10_000, 99_999),
    "items": range(1, 9),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "days": range(2, 8),
    "hour": range(8, 13),
    "later": range(14, 20),
    "goods": ("garden chair, green", "wool socks", "bread tin 30 cm", "bicycle lamp", "tea towels", "notebook A5"),
    "price": range(6, 240),
    "cents": range(10, 100),
    "name": ("Mr Okafor", "Ms Lindqvist", "Anna", "Mrs Petrova", "Tomas", "Dr Haddad", "Mei"),
    "carrier": ("the post", "our own van", "a bicycle courier", "the parcel shop"),
}

_WEATHER: tuple[str, ...] = (
    (
        "«region»: «sky» in the morning, «later» in the afternoon. Highs of «high» degrees, lows near «low». Wind "
        "«strength» from the «side»."
    ),
    (
        "Outlook for «day»: «sky», «later» towards evening. Temperatures between «low» and «high» degrees. Chance of "
        "rain «chance» per cent."
    ),
    "Today in the «region»: «sky». «Warning» «day»: «later», up to «high» degrees.",
    "«day» «low» to «high» °C, «sky», wind «strength» «side», visibility good. Next update at «hour»:00.",
)
_WEATHER_SLOTS: Slots = {
    "region": ("North", "South coast", "Hills", "Islands", "Lake district", "Eastern valleys", "Capital area"),
    "sky": ("mostly cloudy", "sunny spells", "patchy fog", "light drizzle", "clear", "overcast", "snow showers"),
    "later": ("scattered showers", "brighter spells", "thundery rain", "clearing skies", "sleet on high ground"),
    "high": range(9, 33),
    "low": range(-6, 9),
    "strength": ("light", "moderate", "fresh", "strong"),
    "side": ("north", "south-west", "east", "north-west", "south"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "chance": range(0, 100, 5),
    "Warning": ("No warnings.", "Yellow warning of wind.", "Ice on untreated roads.", "Pollen count high."),
    "hour": range(5, 23),
}

_SPORTS: tuple[str, ...] = (
    ("«home» «goals»-«goals» «guest». Scorers: «player» «minute», «player» «minute». Attendance: «crowd»."),
    (
        "Full time: «home» «goals», «guest» «goals». «player» with the last goal in minute «minute». Next match: "
        "«day», «hour»:30, «where»."
    ),
    "Matchday «round»: «home» v «guest» «goals»:«goals», «home» stay «place» in the table with «points» points.",
    (
        "Women, round «round»: «home» beat «guest» by «points» points, top scorer «player» with «minute». Referee: "
        "«player»."
    ),
    "U«age» «home» - «guest» «goals»:«goals» a.e.t., penalties «few»:«goals». Yellow cards: «player», «player».",
)
_SPORTS_SLOTS: Slots = {
    "home": ("Harbour Rovers", "Oakfield Town", "Mill Lane", "St Anne's", "Northgate United", "Railway Club"),
    "guest": ("Valley Athletic", "Old Bridge", "Castle Park", "Riverside", "Eastern Stars", "Postal Workers"),
    "goals": range(6),
    "few": range(2, 6),
    "player": ("Osei", "Lund", "Marchetti", "Novak", "Duarte", "Kimura", "Byrne", "Haidari", "Svensson"),
    "minute": range(10, 90),
    "crowd": range(112, 4_800),
    "day": ("Saturday", "Sunday", "Wednesday", "Friday"),
    "hour": range(14, 20),
    "where": ("at home", "away"),
    "round": range(4, 31),
    "place": ("second", "fifth", "ninth", "bottom", "top"),
    "points": range(5, 64),
    "age": (13, 15, 17, 19),
}


def order_confirmation(rng: random.Random) -> str:
    """Return the confirmation of an invented order."""
    return filled(rng.choice(_ORDERS), _ORDER_SLOTS, rng)


def weather_report(rng: random.Random) -> str:
    """Return a forecast for an invented place."""
    return filled(rng.choice(_WEATHER), _WEATHER_SLOTS, rng)


def sports_result(rng: random.Random) -> str:
    """Return the result of a match between invented clubs."""
    return filled(rng.choice(_SPORTS), _SPORTS_SLOTS, rng)
