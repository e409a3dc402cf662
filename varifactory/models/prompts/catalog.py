"""The writer that needs no model: phrases out of the catalog and a taxonomy."""

from varifactory.catalog import Catalog, Taxonomy
from varifactory.errors import RecipeError
from varifactory.models import Identity, PromptRequest, WrittenPrompt


class CatalogWriter:
    """Meets ``varifactory.models.Writer``; its words are known when a run is planned."""

    def __init__(self, catalog: Catalog, taxonomy: Taxonomy) -> None:
        self._catalog = catalog
        self._taxonomy = taxonomy

    @property
    def identity(self) -> Identity:
        # The words themselves are part of every prompt's key, so files need no hash here.
        return {"name": "catalog"}

    @property
    def known_ahead(self) -> bool:
        return True

    def write(self, request: PromptRequest) -> list[WrittenPrompt]:
        """The pool's values in file order, without those that are taken.

        Raises:
            RecipeError: the taxonomy has no pools for the request, or names a value that the
                attribute's entry lacks.
        """
        attribute = self._catalog.attribute(request.attribute.name)
        pools = self._taxonomy.pools(request.class_name, attribute.name)
        values = [v for v in pools.values(request.feasibility) if v not in request.taken]
        unknown = [value for value in values if value not in attribute.values]
        if unknown:
            raise RecipeError(
                f"the taxonomy gives class {request.class_name!r} the {attribute.name} "
                f"{unknown[0]!r}, which the attribute's entry lacks; it has "
                f"{', '.join(sorted(attribute.values))}: correct it, or add the value to the entry"
            )
        return [
            WrittenPrompt(value=value, phrase=attribute.values[value].phrase, cost_usd=0.0)
            for value in values[: request.count]
        ]
