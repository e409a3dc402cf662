"""A writer that asks a language model, by its litellm name, for phrases.

Everything that comes back is data: it is parsed, validated and put into a template, and never
becomes a path, an address or a template.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from varifactory.catalog import Attribute
from varifactory.catalog.phrases import normal_form
from varifactory.errors import ModelError
from varifactory.keys import digest
from varifactory.models import Identity, NoAnswer, PromptRequest, WrittenPrompt
from varifactory.models.provider import Message, Patience, Provider, Reply
from varifactory.models.provider.budget import Budget
from varifactory.models.provider.estimate import Estimate, Question, added
from varifactory.models.provider.prices import BYTES_A_TOKEN, words_bytes
from varifactory.models.provider.trouble import WRITER
from varifactory.prompts import told
from varifactory.recipe import Price

WRITING = Path(__file__).parents[2] / "catalog" / "writing.yaml"
VERSION = 1
"""Raised when the questions or the reading of answers change."""
ASKS = 3
"""One question and at most two more: on what was wrong, or for what is missing."""
LONGEST_CLASS_NAME = 80
LONGEST_QUOTED = 4000
"""Characters of an answer that are quoted when it is asked again."""
LONGEST_PROBLEM = 1000
"""Bytes, about, of what was wrong with it; for estimates."""
TOKENS_A_PHRASE = 12
"""Of an answer, about: five words and the punctuation of JSON; for estimates."""
LONGEST_RAW = 20_000
"""Characters of raw answers kept beside a prompt."""

Phrase = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=60,
        # Letters, digits and a little punctuation: no address, path, markup or place to fill.
        pattern=r"^[\p{L}\p{N}][\p{L}\p{M}\p{N} ,&()'’\-]*[.!]?$",
    ),
]


Form = TypeVar("Form", bound=BaseModel)


class Phrases(BaseModel):
    """The only answer that is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)
    phrases: Annotated[list[Phrase], Field(min_length=1, max_length=200)]


class LitellmWriter:
    """Meets ``varifactory.models.Writer``. Built without importing anything; the key of the
    provider is read from ``key_variable`` at the first question and kept nowhere.

    ``base_url`` is the address of a server of one's own; a hash of it is part of the identity.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_variable: str | None = None,
        max_usd: float = 1.0,
        max_requests: int = 1000,
        prices: Sequence[Price] = (),
        budget: Budget | None = None,
        patience: Patience | None = None,
    ) -> None:
        """``budget`` is shared with other writers of the run; without, one of its own is made of
        ``max_usd`` and ``max_requests``."""
        self._provider = Provider(
            model,
            base_url=base_url,
            key_variable=key_variable,
            budget=budget or Budget(max_usd=max_usd, max_requests=max_requests),
            prices=prices,
            patience=patience,
        )

    @property
    def identity(self) -> Identity:
        words = _writing()
        return {
            "name": "litellm",
            **self._provider.identity,
            "version": VERSION,
            "instructions": digest([words["instructions"], words["not_valid"], words["too_few"]]),
            "schema": digest(words["schema"]),
        }

    @property
    def known_ahead(self) -> bool:
        return False

    @property
    def budget(self) -> Budget:
        """What was spent so far."""
        return self._provider.budget

    def estimate(self, requests: Sequence[PromptRequest]) -> Estimate:
        """What the pools will cost, asked one by one; the price is looked up, nobody is asked."""
        budget, most_answered = self.budget, self._provider.max_tokens
        return added(
            WRITER.section, self._provider.model, self._provider.rate(),
            [_planned(request, most_answered, self._provider.patience.tries)
             for request in requests],
            budget.max_usd, budget.max_requests,
        )  # fmt: skip

    def write(self, request: PromptRequest) -> list[WrittenPrompt]:
        """Phrases from the model; one that the attribute's entry knows takes its value's name."""
        talk = _Talk(request)
        for _ in range(ASKS):
            try:
                reply = self._provider.ask(talk.messages, _writing()["schema"])
            except ModelError as error:
                if talk.found:
                    break
                raise talk.billed(error) from None
            if talk.take(reply):
                break
        if not talk.found:
            raise talk.billed(
                NoAnswer(
                    f"{self._provider.model}: no usable answer after {talk.asked} questions: "
                    f"{talk.problem}",
                    status="failed",
                )
            )
        return talk.prompts()


def _planned(request: PromptRequest, most_answered: int, tries: int) -> Question:
    talk = _Talk(request)
    asked = words_bytes([*talk.messages, {"content": json.dumps(_writing()["schema"])}])
    # Each further question repeats the talk so far: an answer, cut, and what was wrong with it.
    grown = LONGEST_QUOTED + LONGEST_PROBLEM
    return Question(
        asked=asked / BYTES_A_TOKEN,
        most_asked=sum(asked + grown * further for further in range(ASKS)),
        answered=TOKENS_A_PHRASE * request.count,
        most_answered=ASKS * most_answered,
        most_requests=ASKS * tries,
    )


class _Talk:
    """One request's questions and answers."""

    def __init__(self, request: PromptRequest) -> None:
        self.found: dict[str, tuple[str, str]] = {}
        self.problem = ""
        self._request = request
        self._taken = {normal_form(value) for value in request.taken}
        self._raw: list[str] = []
        self._costs: list[float | None] = []
        self.messages: list[Message] = [
            {"role": "system", "content": _writing()["instructions"]},
            {"role": "user", "content": _question(request)},
        ]

    def take(self, reply: Reply) -> bool:
        """Read an answer; False when another question is worth asking (it is then prepared)."""
        self._raw.append(reply.text)
        self._costs.append(reply.cost_usd)
        try:
            phrases = answer(reply.text, Phrases).phrases
        except ValueError as error:
            self.problem = str(error)
            self._go_on(reply, _writing()["not_valid"].format(problem=self.problem))
            return False
        before = len(self.found)
        self._add(phrases)
        missing = self._request.count - len(self.found)
        self.problem = "every phrase repeated one that is taken"
        self._go_on(reply, _writing()["too_few"].format(missing=missing))
        return missing <= 0 or len(self.found) == before

    @property
    def asked(self) -> int:
        """Questions that were answered."""
        return len(self._raw)

    def _add(self, phrases: list[str]) -> None:
        for phrase in phrases:
            value, words = _named(self._request.attribute, phrase.rstrip(".! "))
            form = normal_form(value)
            if form and form not in self._taken and len(self.found) < self._request.count:
                self.found.setdefault(form, (value, words))

    def _go_on(self, reply: Reply, words: str) -> None:
        self.messages += [
            {"role": "assistant", "content": reply.text[:LONGEST_QUOTED]},
            {"role": "user", "content": words},
        ]

    def prompts(self) -> list[WrittenPrompt]:
        """What was found; raw answers stand beside each, the price is shared out."""
        cost = _sum(self._costs)
        share = None if cost is None else cost / len(self.found)
        return [
            WrittenPrompt(value=value, phrase=words, raw=self._kept(), cost_usd=share)
            for value, words in self.found.values()
        ]

    def billed(self, error: ModelError) -> ModelError:
        """The error with what was said and paid before it."""
        if isinstance(error, NoAnswer):
            if error.raw:
                self._raw.append(error.raw)
            error.raw = self._kept()
            error.cost_usd = _sum([*self._costs, error.cost_usd])
        return error

    def _kept(self) -> str:
        raw = self._raw[0] if len(self._raw) == 1 else json.dumps(self._raw, ensure_ascii=False)
        return raw[:LONGEST_RAW] if self._raw else ""


def _question(request: PromptRequest) -> str:
    return json.dumps(
        {
            "class_name": asked(request.class_name),
            **told(request.attribute),
            "feasibility": request.feasibility,
            "count": request.count,
            "taken": list(request.taken),
        },
        ensure_ascii=False,
    )


def asked(class_name: str) -> str:
    """A class name as a question holds it: data, cut to a sane length, without control letters."""
    name = "".join(letter if letter.isprintable() else " " for letter in class_name)
    return name[:LONGEST_CLASS_NAME]


def answer(text: str, form: type[Form]) -> Form:
    """An answer of a form, out of a code fence or prose around it.

    Raises:
        ValueError: no JSON object, or not of the form; says so for the model to read.
    """
    found = re.search(r"\{.*\}", text, re.DOTALL)
    if not found:
        raise ValueError("it holds no JSON object")
    try:
        return form.model_validate_json(found[0])
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(step) for step in problem['loc']) or 'answer'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise ValueError("; ".join(problems[:3])) from None


def _named(attribute: Attribute, phrase: str) -> tuple[str, str]:
    """Value and words: a known value's own where the phrase says the same, else the phrase."""
    return _known(attribute).get(normal_form(phrase), (phrase.lower(), phrase))


def _known(attribute: Attribute) -> Mapping[str, tuple[str, str]]:
    known = {}
    for value, entry in attribute.values.items():
        known[normal_form(value)] = known[normal_form(entry.phrase)] = (value, entry.phrase)
    return known


def _sum(costs: list[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


@cache
def _writing() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(WRITING.read_text(encoding="utf-8"))
    return words
