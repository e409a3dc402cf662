"""When two phrases say the same."""

import re
import unicodedata

ARTICLES = {"a", "an", "the"}
SPELLINGS = {"grey": "gray", "colour": "color", "coloured": "colored"}


def normal_form(phrase: str) -> str:
    """A phrase without case, punctuation, articles and plurals; equal forms are duplicates.

    Only English plurals are undone: a stricter form would merge words that differ (``striped``
    and ``stripes``), and a duplicate that slips through costs one prompt.
    """
    plain = unicodedata.normalize("NFKC", phrase).casefold()
    words = re.findall(r"\w+", plain.replace("'", "").replace("’", ""))
    kept = [word for word in words if word not in ARTICLES] or words
    return " ".join(_singular(SPELLINGS.get(word, word)) for word in kept)


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]
