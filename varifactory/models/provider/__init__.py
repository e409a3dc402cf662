"""One way to any language model: bounded retries, a budget, and no key in any message."""

import json
import logging
import os
import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from varifactory.errors import ModelError
from varifactory.models import NoAnswer
from varifactory.models.provider import prices
from varifactory.models.provider.address import server_of
from varifactory.models.provider.budget import Budget
from varifactory.models.provider.trouble import (
    NO_CHOICES,
    WRITER,
    Keys,
    Trouble,
    redacted,
    trouble_of,
)
from varifactory.recipe import Price

log = logging.getLogger(__name__)

Message = dict[str, Any]
"""``role`` and ``content``: words, or a list of parts of type ``text`` and ``image_url``."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a provider is waited for, seconds."""

    tries: int = 5
    first_wait: float = 1.0
    """Doubled from try to try, with jitter, so that workers do not come back all at once."""
    longest: float = 90.0
    """All waits of one question together; a server that asks for more is not waited for."""
    timeout: float = 60.0
    """Of one request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer: its text, what it cost (None if unknown)."""

    text: str
    cost_usd: float | None


class Provider:
    """Calls a model by its litellm name.

    Once a provider has said that it will not work (wrong key, no quota), or two questions in a row
    stayed without an answer, later questions are refused at once with the same words.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_variable: str | None = None,
        budget: Budget,
        prices: Sequence[Price] = (),
        patience: Patience | None = None,
        max_tokens: int = 2048,
        at_once: int = 1,
        keys: Keys = WRITER,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """``at_once`` bounds the questions under way; ``options`` go with every request until the
        provider refuses one of them by name."""
        self.model = model
        self.budget = budget
        self.patience = patience or Patience()
        self.max_tokens = max_tokens
        self._base_url = base_url
        self._key_variable = key_variable
        self._prices = tuple(prices)
        self._keys = keys
        self._options = dict(options or {})
        self._refused: set[str] = set()
        self._in_vain = 0
        self._stopped = ""
        self._turns = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()

    def ask(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        pictures: Sequence[prices.Size] = (),
    ) -> Reply:
        """The model's answer; the schema is asked for, but nothing checks that it was kept.

        Args:
            messages: as litellm takes them.
            schema: JSON schema of the answer.
            pictures: sizes of the pictures among the messages, for the price.

        Raises:
            NoAnswer: refused, filtered, cut off, empty, or no answer after all tries.
            ModelError: wrong key, no quota, budget spent, a request that the provider refuses.
        """
        form = {"type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema}}  # fmt: skip
        with self._turns:
            if self._stopped:
                raise ModelError(self._stopped)
            worst = self._worst([*messages, {"content": json.dumps(schema)}], pictures)
            return self._patiently(messages, {**self._options, "response_format": form}, worst)

    @property
    def identity(self) -> dict[str, str]:
        """What of a provider decides an answer: the model, and the server if it is one's own."""
        return {"model": self.model, **server_of(self._base_url)}

    def rate(self) -> prices.Rate | None:
        """Price of a token: the recipe's, else that of litellm's own table; None if neither."""
        own = prices.own_rate(self.model, self._prices)
        return own or prices.listed_rate(_litellm(self._keys), self.model)

    def _patiently(
        self, messages: Sequence[Message], options: Mapping[str, Any], worst: float | None
    ) -> Reply:
        waited = 0.0
        for attempt in range(1, self.patience.tries + 1):
            response = self._once(messages, options, worst)
            if not isinstance(response, Trouble):
                return self._read(response)
            wait = self._wait(response, attempt)
            if (
                response.kind == "picture"
                or attempt == self.patience.tries
                or waited + wait > self.patience.longest
            ):
                break
            log.info("%s: %s; again in %.1f s", self.model, response.words, wait)
            time.sleep(wait)
            waited += wait
        raise self._gave_up(response, attempt)

    def _once(
        self, messages: Sequence[Message], options: Mapping[str, Any], worst: float | None
    ) -> Any:
        """The response, or a trouble that may pass; again without an option that was refused."""
        taken = {name: value for name, value in options.items() if name not in self._refused}
        response = self._request(messages, taken, worst)
        while isinstance(response, Trouble) and response.kind == "option":
            if response.option not in taken:
                raise self._stop(response)
            log.info("%s takes no %s; asking without", self.model, response.option)
            self._refused.add(response.option)
            del taken[response.option]
            response = self._request(messages, taken, worst)
        if not isinstance(response, Trouble) or response.kind not in ("again", "picture"):
            self._in_vain = 0
        if isinstance(response, Trouble) and response.kind == "content":
            raise NoAnswer(f"{self.model}: {response.words}", status="skipped")
        if isinstance(response, Trouble) and response.kind == "stop":
            raise self._stop(response)
        return response

    def _request(
        self, messages: Sequence[Message], options: Mapping[str, Any], worst: float | None
    ) -> Any:
        litellm, key = _litellm(self._keys), self._key()
        self.budget.reserve(worst)
        try:
            response = litellm.completion(
                model=self.model,
                messages=list(messages),
                api_base=self._base_url,
                api_key=key,
                timeout=self.patience.timeout,
                max_tokens=self.max_tokens,
                # Retries of the client multiply with those of litellm and repeat a wrong key.
                num_retries=0,
                max_retries=0,
                **options,
            )
        except Exception as error:
            trouble = trouble_of(error, key, self._keys)
            # A request that timed out may still be billed.
            self.budget.settle(worst, worst if trouble.words.startswith("timed out") else 0.0)
            return trouble
        cost = self._cost(response)
        self.budget.settle(worst, worst if cost is None else cost)
        return response

    def _read(self, response: Any) -> Reply:
        cost = self._cost(response)
        if not response.choices:
            raise NoAnswer(f"{self.model}: {NO_CHOICES}", status="skipped", cost_usd=cost)
        choice = response.choices[0]
        text = redacted(choice.message.content or "", self._key())
        refusal = (getattr(choice.message, "provider_specific_fields", None) or {}).get("refusal")
        refusal = refusal or getattr(choice.message, "refusal", None)
        why = ""
        if refusal:
            why = f"refused: {redacted(str(refusal), self._key())[:200]}"
        elif choice.finish_reason == "content_filter":
            why = "the provider's content filter held the answer back"
        elif choice.finish_reason == "length":
            why = f"the answer was cut off after {self.max_tokens} tokens"
        elif not text.strip():
            why = "the answer was empty"
        if why:
            raw = text or redacted(str(refusal or ""), self._key())
            raise NoAnswer(f"{self.model}: {why}", status="skipped", raw=raw, cost_usd=cost)
        return Reply(text, cost)

    def _wait(self, trouble: Trouble, attempt: int) -> float:
        if trouble.retry_after is not None:
            return trouble.retry_after
        return float(self.patience.first_wait * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))

    def _gave_up(self, trouble: Trouble, tries: int) -> ModelError:
        words = (
            f"{self.model}: no answer after {tries} tries, the last said: {trouble.words}; "
            "try again later, or see to the server"
        )
        with self._lock:
            self._in_vain += 1
            if self._in_vain >= 2:
                self._stopped = words
                return ModelError(words)
        return NoAnswer(words, status="failed")

    def _stop(self, trouble: Trouble) -> ModelError:
        self._stopped = f"{self.model} cannot be used: {trouble.words}"
        return ModelError(self._stopped)

    def _worst(self, messages: Sequence[Message], pictures: Sequence[prices.Size]) -> float | None:
        """The most a request can cost, US dollars; None where no price is known."""
        rate = self.rate()
        if rate is None:
            self._unpriced()
            return None
        seen = sum(prices.picture_tokens(self.model, size)[1] for size in pictures)
        return rate.cost(prices.words_bytes(messages) + seen, self.max_tokens)

    def _unpriced(self) -> None:
        with self._lock:
            told, self.budget.unpriced = self.budget.unpriced, True
        if not told:
            log.warning(
                "the price of %s is unknown: %s.max_usd cannot be kept, %s.max_requests is; name "
                "the price in prompts.prices",
                self.model, self._keys.section, self._keys.section,
            )  # fmt: skip

    def _cost(self, response: Any) -> float | None:
        """What a response cost, US dollars; None where no price is known."""
        own = prices.own_rate(self.model, self._prices)
        usage = getattr(response, "usage", None)
        if own is not None and usage is not None:
            return own.cost(usage.prompt_tokens or 0, usage.completion_tokens or 0)
        cost = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
        # 0 is what litellm says of models whose price it does not know (``prices.listed_rate``).
        return float(cost) if cost else None

    def _key(self) -> str | None:
        if not self._key_variable:
            # Without this litellm would send a public service's key to a server of one's own.
            return "none" if self._base_url else None
        key = os.environ.get(self._key_variable, "").strip()
        if not key:
            raise ModelError(
                f"the variable {self._key_variable!r} ({self._keys.section}.key_variable) is not "
                f"set: export the key of {self.model} in it"
            )
        return key


def _litellm(keys: Keys) -> Any:
    # Else the import tries to download a price list, and the first question a list of headers.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"
    try:
        import litellm
    except ImportError as error:
        raise ModelError(
            f"a provider's model needs litellm, which cannot be imported ({error}): install "
            f"varifactory[run], or {keys.instead}"
        ) from None
    # It prints advertisements of its help pages on standard output.
    litellm.suppress_debug_info = True
    return litellm
