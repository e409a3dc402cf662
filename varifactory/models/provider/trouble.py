"""What a provider's errors mean: pass, wait, or stop; and how to quote them without a key."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

Kind = Literal["again", "stop", "option", "content", "picture"]
PASSING = {408, 409, 425, 429}
"""Statuses below 500 that a later try may not meet again."""
SECRET_VARIABLE = re.compile(r"(API_KEY|_TOKEN|SECRET|ACCESS_KEY)$")
SECRET_SHAPE = re.compile(r"\b(?:sk|pk|rk|gsk|hf|xai)[-_][A-Za-z0-9_\-]{8,}|(?<=Bearer )\S{8,}")
NO_CHOICES = "the answer held no choices"
ADVICE = {
    400: "the request was refused; check the model name ({model}) and {section}.base_url",
    401: "the key was refused; check the variable that {section}.key_variable names",
    402: "no quota is left; check plan and billing at the provider",
    403: "access was refused; check what the key may do",
    404: "there is no such model; check {model} and {section}.base_url",
}
OPTIONS = {"response_format": ("response_format", "json_schema"), "temperature": ("temperature",)}
"""What a request can do without -> the words by which a refusal names it."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Where in a recipe a provider is set up, for messages."""

    section: str
    """``prompts`` or ``verdicts``: has ``base_url``, ``key_variable``, ``max_usd``, ..."""
    model: str
    """The key with the model's name."""
    instead: str
    """A setting that does without a provider."""


WRITER = Keys("prompts", "prompts.writer", "set prompts.writer to catalog")
JUDGE = Keys("verdicts", "verdicts.model", "take another judge (verdicts.judge)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error of a provider.

    ``again`` may pass, ``stop`` will not, ``option`` means that one of ``OPTIONS`` is not taken,
    ``content`` that this very question was refused, ``picture`` that its picture was, which may be
    the picture's fault or the model's.
    """

    kind: Kind
    words: str
    retry_after: float | None = None
    """Seconds the server asked to wait."""
    option: str = ""
    """Which of ``OPTIONS`` is not taken."""


def trouble_of(error: Exception, key: str | None, keys: Keys = WRITER) -> Trouble:
    """What an exception of litellm means. Its text may echo the key, so it is redacted."""
    said = redacted(" ".join(str(error).split()), key)[:300]
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    lower = said.lower()
    if isinstance(error, IndexError):
        # Some paths through litellm read the first choice themselves.
        return Trouble("content", NO_CHOICES)
    if type(error).__name__ == "ContentPolicyViolationError":
        return Trouble("content", f"the provider's content policy refused the question: {said}")
    if "invalid response from llm endpoint" in lower:
        return Trouble("stop", "the server does not speak a model's protocol (is "
                       f"{keys.section}.base_url right?): {said}")  # fmt: skip
    if status == 429 and _spent(error, lower):
        return Trouble("stop", f"{ADVICE[402]}: {said}")
    if status in (400, 422):
        for option, names in OPTIONS.items():
            if any(name in lower for name in names):
                return Trouble("option", f"{option} is not taken: {said}", option=option)
        if "image" in lower:
            return Trouble("picture", f"the picture was refused (does {keys.model} name a model "
                           f"that sees?): {said}")  # fmt: skip
    if type(error).__name__ == "Timeout" or status == 408:
        return Trouble("again", f"timed out: {said}", _retry_after(error))
    if status in PASSING or (status is not None and status >= 500):
        return Trouble("again", said, _retry_after(error))
    advice = ADVICE.get(status or 0, "this is not an answer that waiting mends")
    advice = advice.format(model=keys.model, section=keys.section)
    return Trouble("stop", f"{advice}: {type(error).__name__}: {said}")


def redacted(text: str, key: str | None) -> str:
    """The text without the key, without values of variables that look secret, and without words
    that look like a key."""
    secrets = {value for name, value in os.environ.items() if SECRET_VARIABLE.search(name)}
    if key:
        secrets.add(key)
    # Longest first, so that no rest of a longer one stays; short ones would hit ordinary words.
    for secret in sorted((s for s in secrets if len(s) >= 6), key=len, reverse=True):
        text = text.replace(secret, "[key]")
    return SECRET_SHAPE.sub("[key]", text)


def _spent(error: Exception, lower: str) -> bool:
    """No quota is left. With a Retry-After it is a rate in other words, and worth waiting for."""
    if _retry_after(error) is not None:
        return False
    body = getattr(error, "body", None)
    code = str(body.get("code", "")) if isinstance(body, dict) else ""
    return "insufficient_quota" in code + lower or "exceeded your current quota" in lower


def _retry_after(error: Exception) -> float | None:
    headers = getattr(error, "litellm_response_headers", None)
    headers = headers or getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("retry-after") or "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
