"""From ``recipe.diagnosis.senses`` to who tells them."""

from varifactory.models.prompts.senses import SENSES, LitellmSenses
from varifactory.models.provider import Provider
from varifactory.models.provider.budget import shared
from varifactory.recipe import Recipe


def sense_teller(recipe: Recipe, *, run: str = "") -> LitellmSenses:
    """The language model that ``diagnosis.senses`` names, by its litellm name.

    Address, key, prices and budget are those of ``prompts``; ``run`` names whose budget is spent,
    which it shares with the writers of the run.
    """
    prompts = recipe.prompts
    budget = shared(run, "prompts", prompts.max_usd, prompts.max_requests)
    return LitellmSenses(Provider(
        recipe.diagnosis.senses, base_url=prompts.base_url or None,
        key_variable=prompts.key_variable or None, budget=budget, prices=prompts.prices,
        keys=SENSES,
    ))  # fmt: skip
