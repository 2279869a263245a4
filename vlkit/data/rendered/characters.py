"""The characters that a line may be made of, and how text is brought to them.

Whoever reads lines needs one answer for what looks alike: ``normalise`` folds into one character
what no eye could tell apart on paper, so that no picture has two right answers.
"""

from __future__ import annotations

import unicodedata

ASCII = "".join(map(chr, range(0x20, 0x7F)))
LATIN_1 = "".join(chr(code) for code in range(0xA1, 0x100) if code not in (0xAD, 0xB5))
LATIN_MORE = "ŒœŠšŽžŸ"
JAMO = "".join(map(chr, range(0x3131, 0x3164)))
PUNCTUATION = "–—‘’‚“”„†‡•…‰′″‹›※、。〃〈〉《》「」『』【】〔〕"
CURRENCY = "₩€₤₫₹₽฿"
BUSINESS = "㈜㈔№℡™℃℉Ω℮㎎㎏㎜㎝㎞㎡㎢㎥㏄㎖ℓ㎐㎑㎒㎾㎸☎☏☞☑☐☒✓✔"
ARROWS = "←↑→↓↔⇒⇔"
SHAPES = "■□▣▲△▶▷▼▽◀◁◆◇○●◎★☆♠♡♣♥"
NUMBERED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ㉠㉡㉢㉣㉤㉮㉯㉰㉱⅓⅔⅛"
MATHEMATICS = "≠≤≥≒≈≡∞∴∵√∑∏∫∂∈∩∪⊂∠⊥"
GREEK = "αβγδεζηθλμξπρστφχψωΓΔΘΛΠΣΦΨ"
HANJA = "金月火水木土日年大小中上下人甲乙丙印美韓新前後男女株式會社氏名生"

HANGUL = "".join(map(chr, range(0xAC00, 0xD7A4)))
"""All 11,172 syllables."""

OTHERS = "".join(
    dict.fromkeys(
        ASCII
        + LATIN_1
        + LATIN_MORE
        + JAMO
        + PUNCTUATION
        + CURRENCY
        + BUSINESS
        + ARROWS
        + SHAPES
        + NUMBERED
        + MATHEMATICS
        + GREEK
        + HANJA
    )
)
"""Every character but the syllables, the space first; each stands for itself after NFC."""

LIGATURES = {"ffi": "ﬃ", "ffl": "ﬄ", "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ"}
"""Glyphs that book faces write in place of letters; the text remains that of the letters."""

KNOWN = frozenset(OTHERS + HANGUL)

_LOOK_ALIKES = frozenset(
    "АВЕЗІКМНОРСТУХаеорсухгипГПФ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧικνους" + "ՕՍՏոսօհզյ" + "סוןاٱ"
    "へべぺニハエカロトタノヘベペ" + "一二三丨丶丿亅人入八力十卜夕口囗工己已士士夂亠"
)
_SCRIPTS = {
    "latin": ((0x100, 0x17E), (0x1EA0, 0x1EFA)),
    "greek": ((0x391, 0x3CA),),
    "cyrillic": ((0x410, 0x450),),
    "armenian": ((0x531, 0x557), (0x561, 0x587)),
    "hebrew": ((0x5D0, 0x5EB),),
    "arabic": ((0x621, 0x63B), (0x641, 0x64B)),
    "devanagari": ((0x905, 0x93A),),
    "thai": ((0xE01, 0xE2F),),
    "georgian": ((0x10D0, 0x10F1),),
    "hiragana": ((0x3041, 0x3097),),
    "katakana": ((0x30A1, 0x30FB),),
}
_HANJA = [
    bytes((row, cell)).decode("euc_kr") for row in range(0xCA, 0xFE) for cell in range(0xA1, 0xFF)
]  # of KS X 1001, which Korean faces have
_LETTERS = {
    script: [chr(code) for first, end in spans for code in range(first, end)]
    for script, spans in _SCRIPTS.items()
} | {"hanja": [char for char in _HANJA if "一" <= char <= "龥"]}  # the others are second readings
FOREIGN = {
    script: tuple(char for char in letters if char not in KNOWN and char not in _LOOK_ALIKES)
    for script, letters in _LETTERS.items()
}
"""Letters that are not read, by script, without those that are drawn as some that are."""

_FOLDED = str.maketrans(
    {
        # What is drawn alike, or differs by no more than a face's taste.
        "\u00b5": "μ",
        "\u2126": "Ω",
        "\u2010": "-",
        "\u2011": "-",
        "\u2212": "-",
        "\ufe63": "-",
        "\u2015": "—",
        "\u2500": "—",
        "\u223c": "~",
        "\u301c": "~",
        "\u02dc": "~",
        "\u2219": "·",
        "\u22c5": "·",
        "\u2027": "·",
        "\u30fb": "·",
        "\u318d": "·",
        "\u119e": "·",
        "\u25aa": "■",
        "\uffe6": "₩",
        "\uffe5": "¥",
        "\uffe1": "£",
        "\uffe0": "¢",
        "\u00ad": "",
        "\u200b": "",
        "\ufeff": "",
    }
    | {glyph: letters for letters, glyph in LIGATURES.items()}
    # Full-width ASCII is ASCII.
    | {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
)


def normalise(text: str) -> str:
    """NFC, look-alikes folded, white space in single blanks, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_FOLDED)).split())
