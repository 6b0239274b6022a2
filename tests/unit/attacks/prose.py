"""A long English text in American spelling, with units for every attack."""

from __future__ import annotations

PARAGRAPH = (
    "Many people think that a small garden is difficult to keep. However, it is easy to start with a few herbs! "
    "My neighbor has a gray fence and an old apple tree, and her favorite color is green. She bought 3 roses in 2019 "
    "for about 45 dollars at the market. Do you remember the first summer? We organized a party in the yard, and "
    "the children analyzed every beetle with a magnifying glass. In addition, the theater group traveled to our town "
    "and used the shed as a stage. It was a wonderful evening, although the weather was bad and the bus was late. "
    "They often talk about it because nothing like it had happened before. The garden needs water in the morning, "
    "and the weeds are an important problem. Finally, a good friend gave me 12 bulbs and a book about gardens. "
)
LONG_TEXT = PARAGRAPH * 40
HOSTILE: dict[str, str] = {
    "empty": "",
    "blanks": " \n\t  \n",
    "one letter": "a",
    "emoji": "😂😂🔥 👩‍👩‍👧‍👦 ❤️ 🇫🇷",
    "Arabic": "السلام عليكم، كيف حالك اليوم؟ اشتريت ٣ كتب.",
    "Chinese": "今天天气很好。我们去公园散步吧！买了3个苹果。",
    "German": "Straße und ÆON, ſchön: İstanbul, ΐ und ŉ.",
    "lone surrogates": "a\ud800 b\udfff c",
    "controls": "a\x00b\x0b\u2028c\u0085",
    "folded letters": "ſo the book iſ at the \u212aing's houſe",
    "links": "https://example.org/the/color?n=3 @color www.example.org",
    "100,000 letters": "a" * 100_000,
    "100,000 blanks": " " * 100_000,
    "100,000 stops": "." * 100_000,
    "stops and blanks": ". " * 50_000,
    "numbers": "1.2," * 25_000,
    "digits": "7" * 100_000,
    "articles": "the " * 25_000,
    "half a link": "www." * 25_000,
    "at signs": "@" * 100_000,
    "prose": (LONG_TEXT * 5)[:100_000],
    "a sentence without an end": "We came today " * 7_000,
}
