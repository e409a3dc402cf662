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
from varifactory.models.provider.budget import Budget
from varifactory.models.provider.trouble import NO_CHOICES, Trouble, redacted, trouble_of

log = logging.getLogger(__name__)

Message = dict[str, str]


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
        patience: Patience | None = None,
        max_tokens: int = 2048,
    ) -> None:
        self.model = model
        self.budget = budget
        self._base_url = base_url
        self._key_variable = key_variable
        self._patience = patience or Patience()
        self._max_tokens = max_tokens
        self._plain = False
        self._in_vain = 0
        self._stopped = ""
        self._lock = threading.Lock()

    def ask(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        """The model's answer; the schema is asked for, but nothing checks that it was kept.

        Raises:
            NoAnswer: refused, filtered, cut off, empty, or no answer after all tries.
            ModelError: wrong key, no quota, budget spent, a request that the provider refuses.
        """
        with self._lock:
            if self._stopped:
                raise ModelError(self._stopped)
            return self._patiently(messages, schema)

    def _patiently(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Reply:
        waited = 0.0
        for attempt in range(1, self._patience.tries + 1):
            response = self._once(messages, schema)
            if not isinstance(response, Trouble):
                return self._read(response)
            wait = self._wait(response, attempt)
            if attempt == self._patience.tries or waited + wait > self._patience.longest:
                break
            log.info("%s: %s; again in %.1f s", self.model, response.words, wait)
            time.sleep(wait)
            waited += wait
        raise self._gave_up(response, attempt)

    def _once(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Any:
        """The response, or a trouble that may pass; once without a schema if that was refused."""
        response = self._request(messages, None if self._plain else schema)
        if isinstance(response, Trouble) and response.kind == "schema":
            if self._plain:
                raise self._stop(response)
            log.info("%s takes no JSON schema; asking in words alone", self.model)
            self._plain = True
            response = self._request(messages, None)
        if not isinstance(response, Trouble) or response.kind != "again":
            self._in_vain = 0
        if isinstance(response, Trouble) and response.kind == "content":
            raise NoAnswer(f"{self.model}: {response.words}", status="skipped")
        if isinstance(response, Trouble) and response.kind in ("stop", "schema"):
            raise self._stop(response)
        return response

    def _request(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> Any:
        litellm = _litellm()
        key = self._key()
        worst = self._price(litellm, messages)
        self.budget.reserve(worst)
        more: dict[str, Any] = {}
        if schema is not None:
            more["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        try:
            response = litellm.completion(
                model=self.model,
                messages=list(messages),
                api_base=self._base_url,
                api_key=key,
                timeout=self._patience.timeout,
                max_tokens=self._max_tokens,
                # Retries of the client multiply with those of litellm and repeat a wrong key.
                num_retries=0,
                max_retries=0,
                **more,
            )
        except Exception as error:
            trouble = trouble_of(error, key)
            # A request that timed out may still be billed.
            self.budget.settle(worst if trouble.words.startswith("timed out") else 0.0)
            return trouble
        self.budget.settle(_cost(response) or (worst or 0.0))
        return response

    def _read(self, response: Any) -> Reply:
        cost = _cost(response)
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
            why = f"the answer was cut off after {self._max_tokens} tokens"
        elif not text.strip():
            why = "the answer was empty"
        if why:
            raw = text or redacted(str(refusal or ""), self._key())
            raise NoAnswer(f"{self.model}: {why}", status="skipped", raw=raw, cost_usd=cost)
        return Reply(text, cost)

    def _wait(self, trouble: Trouble, attempt: int) -> float:
        if trouble.retry_after is not None:
            return trouble.retry_after
        return float(self._patience.first_wait * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))

    def _gave_up(self, trouble: Trouble, tries: int) -> ModelError:
        words = (
            f"{self.model}: no answer after {tries} tries, the last said: {trouble.words}; "
            "try again later, or see to the server"
        )
        self._in_vain += 1
        if self._in_vain >= 2:
            self._stopped = words
            return ModelError(words)
        return NoAnswer(words, status="failed")

    def _stop(self, trouble: Trouble) -> ModelError:
        self._stopped = f"{self.model} cannot be used: {trouble.words}"
        return ModelError(self._stopped)

    def _price(self, litellm: Any, messages: Sequence[Message]) -> float | None:
        """The most a request can cost, US dollars; None where litellm knows no price."""
        # No tokenizer makes more tokens than bytes.
        prompt = len(json.dumps(list(messages)).encode())
        try:
            asked, answered = litellm.cost_per_token(
                model=self.model, prompt_tokens=prompt, completion_tokens=self._max_tokens
            )
        except Exception:
            # litellm raises a bare Exception for a model without a price.
            self._unpriced()
            return None
        return float(asked + answered)

    def _unpriced(self) -> None:
        if not self.budget.unpriced:
            self.budget.unpriced = True
            log.warning(
                "the price of %s is unknown: prompts.max_usd cannot be kept, "
                "prompts.max_requests is",
                self.model,
            )

    def _key(self) -> str | None:
        if not self._key_variable:
            # Without this litellm would send a public service's key to a server of one's own.
            return "none" if self._base_url else None
        key = os.environ.get(self._key_variable, "").strip()
        if not key:
            raise ModelError(
                f"the variable {self._key_variable!r} (prompts.key_variable) is not set: export "
                f"the key of {self.model} in it"
            )
        return key


def _cost(response: Any) -> float | None:
    cost = (getattr(response, "_hidden_params", None) or {}).get("response_cost")
    return None if cost is None else float(cost)


def _litellm() -> Any:
    # Else the import tries to download a price list.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    try:
        import litellm
    except ImportError as error:
        raise ModelError(
            f"a language model needs litellm, which cannot be imported ({error}): install "
            "varifactory[run], or set prompts.writer to catalog"
        ) from None
    # It prints advertisements of its help pages on standard output.
    litellm.suppress_debug_info = True
    return litellm
