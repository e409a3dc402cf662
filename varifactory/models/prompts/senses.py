"""Other senses of class names, asked of a language model by its litellm name.

What comes back is data, as a writer's phrases are: parsed, validated and put into a template.
"""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from varifactory.catalog.phrases import normal_form
from varifactory.models import NoAnswer, ToldSenses
from varifactory.models.prompts.llm import LONGEST_PROBLEM, LONGEST_QUOTED, Phrase, answer, asked
from varifactory.models.provider import Message, Provider
from varifactory.models.provider.estimate import Estimate, Question, added
from varifactory.models.provider.prices import BYTES_A_TOKEN, words_bytes
from varifactory.models.provider.trouble import Keys

WORDS = Path(__file__).with_name("asking_senses.yaml")
MOST = 5
"""Senses a class: each is one more text that strays could be taken for by chance."""
ASKS = 2
"""One question, and one more where its answer cannot be used."""
TOKENS_A_SENSE = 8
"""Of an answer, about; for estimates."""
SENSES = Keys("prompts", "diagnosis.senses", "give diagnosis.senses a YAML file, or leave it empty")


class Senses(BaseModel):
    """The only answer that is taken."""

    model_config = ConfigDict(extra="forbid", strict=True)
    senses: Annotated[list[Phrase], Field(max_length=50)]


class LitellmSenses:
    """Meets ``varifactory.models.SenseTeller``."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @property
    def model(self) -> str:
        """Its litellm name."""
        return self._provider.model

    def estimate(self, class_names: Sequence[str]) -> Estimate:
        """What asking of these classes will cost; nobody is asked."""
        budget, provider = self._provider.budget, self._provider
        return added(
            SENSES.section, provider.model, provider.rate(),
            [_planned(name, provider.max_tokens, provider.patience.tries) for name in class_names],
            budget.max_usd, budget.max_requests,
        )  # fmt: skip

    def senses(self, class_name: str) -> ToldSenses:
        """Each once, without the name itself; a model that knows no other says none."""
        messages, costs, problem = _question(class_name), [], ""
        for _ in range(ASKS):
            reply = self._provider.ask(messages, _words()["schema"])
            costs.append(reply.cost_usd)
            try:
                found = answer(reply.text, Senses).senses
            except ValueError as error:
                problem = str(error)
                messages += [
                    {"role": "assistant", "content": reply.text[:LONGEST_QUOTED]},
                    {"role": "user", "content": _words()["not_valid"].format(problem=problem)},
                ]
                continue
            return ToldSenses(_distinct(found, class_name), _sum(costs))
        raise NoAnswer(
            f"{self.model}: no usable answer after {ASKS} questions: {problem}",
            status="failed", cost_usd=_sum(costs),
        )  # fmt: skip


def _question(class_name: str) -> list[Message]:
    data = {"class_name": asked(class_name), "count": MOST}
    return [
        {"role": "system", "content": _words()["instructions"]},
        {"role": "user", "content": json.dumps(data, ensure_ascii=False)},
    ]


def _distinct(found: Sequence[str], class_name: str) -> tuple[str, ...]:
    forms: dict[str, str] = {}
    for sense in found:
        plain = sense.rstrip(".! ")
        forms.setdefault(normal_form(plain), plain)
    for nothing in ("", normal_form(class_name)):
        forms.pop(nothing, None)
    return tuple(forms.values())[:MOST]


def _planned(class_name: str, most_answered: int, tries: int) -> Question:
    once = words_bytes([*_question(class_name), {"content": json.dumps(_words()["schema"])}])
    grown = LONGEST_QUOTED + LONGEST_PROBLEM
    return Question(
        asked=once / BYTES_A_TOKEN,
        most_asked=sum(once + grown * further for further in range(ASKS)),
        answered=TOKENS_A_SENSE * MOST,
        most_answered=ASKS * most_answered,
        most_requests=ASKS * tries,
    )


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


@cache
def _words() -> dict[str, Any]:
    words: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return words
