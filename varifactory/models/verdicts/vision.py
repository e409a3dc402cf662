"""A judge that asks a vision-language model by its litellm name: one question an edit.

Everything that comes back is data: it is parsed, validated against the choices, and kept beside
the verdict as it was.
"""

import base64
import io
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from varifactory.catalog.phrases import normal_form
from varifactory.errors import ModelError
from varifactory.models import Answer, Identity, JudgeCase, NoAnswer
from varifactory.models.provider import Message, Patience, Provider, Reply
from varifactory.models.provider.budget import Budget
from varifactory.models.provider.estimate import Estimate, Question, added
from varifactory.models.provider.prices import BYTES_A_TOKEN, picture_tokens, words_bytes
from varifactory.models.provider.trouble import JUDGE
from varifactory.models.verdicts import questions
from varifactory.models.verdicts.questions import NONE
from varifactory.recipe import Price

VERSION = 1
"""Raised when the form of a question or the reading of answers changes."""
MOST_LISTED = 250
"""Choices that are listed in the schema; providers refuse longer lists, words alone do as well."""
TOKENS_AN_ANSWER = 60
"""About; for estimates. Models that think aloud need more."""
LONGEST_RAW = 4000


def _no_share(percent: float) -> float:
    if 0 < percent < 1:
        raise ValueError("a percentage from 0 to 100 is wanted, this looks like a share of 1")
    return percent


Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), AfterValidator(_no_share)]


class Seen(BaseModel):
    """The only answer that is taken; of what it says beside, nothing is read."""

    value: str
    value_percent: Percent
    class_name: str = NONE
    class_percent: Percent = 100.0
    possible_percent: Percent


class VisionJudge:
    """Meets ``varifactory.models.Judge``. Built without importing anything; several questions are
    under way at a time, and one bad answer fails its own verdict alone."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        key_variable: str | None = None,
        budget: Budget,
        prices: Sequence[Price] = (),
        side: int = 768,
        pointer: str = "box",
        at_once: int = 8,
        max_tokens: int = 1024,
        patience: Patience | None = None,
    ) -> None:
        self._provider = Provider(
            model,
            base_url=base_url,
            key_variable=key_variable,
            budget=budget,
            prices=prices,
            patience=patience,
            max_tokens=max_tokens,
            at_once=at_once,
            keys=JUDGE,
            # The likeliest answer; models that allow no choice are asked without.
            options={"temperature": 0.0, "drop_params": True},
        )
        self._side, self._pointer, self._at_once = side, pointer, at_once

    @property
    def identity(self) -> Identity:
        return {
            "name": "vision",
            **self._provider.identity,
            "version": VERSION,
            "questions": questions.words_hash("instructions", "belongs_to", "pointer"),
            "side": self._side,
            "pointer": self._pointer,
            "reads_choices": True,
        }

    @property
    def budget(self) -> Budget:
        """What was spent so far."""
        return self._provider.budget

    def judge(self, cases: Sequence[JudgeCase]) -> list[Answer]:
        """An answer a case, in order.

        Raises:
            ModelError: the provider cannot be used, and none of the cases has an answer. Once one
                has, the others end with their trouble, so that what is paid for is kept.
        """
        if not cases:
            return []
        with ThreadPoolExecutor(max_workers=min(self._at_once, len(cases))) as pool:
            found = list(pool.map(self._asked, cases))
        stops = [one for one in found if isinstance(one, ModelError)]
        if len(stops) == len(found):
            raise stops[0]
        return [
            Answer({}, {}, trouble=NoAnswer(str(one), status="failed"))
            if isinstance(one, ModelError)
            else one
            for one in found
        ]

    def estimate(self, planned: Sequence[tuple[JudgeCase, int]]) -> Estimate:
        """What judging will cost: a case of each kind, and how many such there are."""
        provider = self._provider
        kinds = [(self._planned(case), count) for case, count in planned]
        return added(
            JUDGE.section, provider.model, provider.rate(),
            [kind for kind, count in kinds for _ in range(count)],
            self.budget.max_usd, self.budget.max_requests,
        )  # fmt: skip

    def _planned(self, case: JudgeCase) -> Question:
        shown = questions.picture(case, self._side, self._pointer)
        asked = words_bytes(
            [*self._messages(case, shown), {"content": json.dumps(_schema(_choices(case)))}]
        )
        about, most = picture_tokens(self._provider.model, shown.size)
        return Question(
            asked=asked / BYTES_A_TOKEN + about,
            most_asked=asked + most,
            answered=TOKENS_AN_ANSWER,
            most_answered=self._provider.max_tokens,
            most_requests=self._provider.patience.tries,
        )

    def _asked(self, case: JudgeCase) -> Answer | ModelError:
        shown = questions.picture(case, self._side, self._pointer)
        choices = _choices(case)
        try:
            reply = self._provider.ask(
                self._messages(case, shown), _schema(choices), pictures=[shown.size]
            )
            return _answer(reply, choices, self._provider.model)
        except NoAnswer as nothing:
            return Answer({}, {}, trouble=nothing)
        except ModelError as error:
            return error

    def _messages(self, case: JudgeCase, shown: Image.Image) -> list[Message]:
        question = {
            "attribute": case.attribute.name,
            "belongs_to": questions.belongs_to(case),
            "pointer": questions.pointer_words(case, self._pointer),
            "values": [
                f"{questions.plain(name)}: {words}" if words else questions.plain(name)
                for name, words in questions.values_of(case).items()
            ],
            "class_names": [questions.plain(name) for name in case.class_names],
        }
        return [
            {"role": "system", "content": questions.words()["instructions"]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": json.dumps(question, ensure_ascii=False)},
                    {"type": "image_url", "image_url": {"url": data_url(shown)}},
                ],
            },
        ]


Choices = tuple[Sequence[str], Sequence[str]]
"""Names of values and of classes."""


def data_url(shown: Image.Image) -> str:
    """The picture as PNG inside an address: what is judged is what is stored, to the pixel."""
    buffer = io.BytesIO()
    shown.save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _choices(case: JudgeCase) -> Choices:
    return tuple(questions.values_of(case)), case.class_names


def _schema(choices: Choices) -> dict[str, Any]:
    values, classes = choices
    percent = {"type": "integer"}
    fields: dict[str, Any] = {"value": _one_of(values), "value_percent": percent}
    if classes:
        fields |= {"class_name": _one_of(classes), "class_percent": percent}
    fields["possible_percent"] = percent
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _one_of(names: Sequence[str]) -> dict[str, Any]:
    shown = list(dict.fromkeys(questions.plain(name) for name in names))
    return {"type": "string"} | ({"enum": [*shown, NONE]} if len(shown) < MOST_LISTED else {})


def _answer(reply: Reply, choices: Choices, model: str) -> Answer:
    """Raises NoAnswer where the reply is none."""
    values, classes = choices
    try:
        seen = _parsed(reply.text)
        value, label = _meant(seen.value, values), _meant(seen.class_name, classes)
    except ValueError as error:
        raise NoAnswer(
            f"{model}: no usable answer: {error}",
            status="failed",
            raw=reply.text[:LONGEST_RAW],
            cost_usd=reply.cost_usd,
        ) from None
    return Answer(
        values=questions.graded(values, value, seen.value_percent / 100),
        classes=questions.graded(classes, label, seen.class_percent / 100) if classes else {},
        raw={"answer": reply.text[:LONGEST_RAW]},
        possible=seen.possible_percent / 100,
        cost_usd=reply.cost_usd,
    )


def _parsed(text: str) -> Seen:
    found = re.search(r"\{.*\}", text, re.DOTALL)
    if not found:
        raise ValueError("it holds no JSON object")
    try:
        return Seen.model_validate_json(found[0])
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(step) for step in problem['loc']) or 'answer'}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        ]
        raise ValueError("; ".join(problems[:3])) from None


def _meant(said: str, names: Sequence[str]) -> str:
    """The choice that an answer means: to the letter, or but for case, articles and plurals.

    Raises:
        ValueError: none of them.
    """
    exact: dict[str, str] = {questions.plain(name): name for name in names} | {NONE: NONE}
    if said in exact:
        return exact[said]
    alike: dict[str, str] = {}
    for shown, name in exact.items():
        alike.setdefault(normal_form(shown), name)
    # A model may repeat the description that follows a name.
    for words in (said, said.split(":")[0]):
        if normal_form(words) in alike:
            return alike[normal_form(words)]
    raise ValueError(f"{said[:80]!r} is not among the choices")
