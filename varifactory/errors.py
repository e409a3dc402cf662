"""Errors a user can meet: each names what was wrong, the value, and what to do."""


class FactoryError(Exception):
    """An error the user can act on; commands print its text alone and exit with 2.

    Anything else that escapes is a defect of the factory and keeps its traceback.
    """


class RecipeError(FactoryError):
    """A recipe, or a catalog it names, that cannot be used as written."""


class SourceError(FactoryError):
    """Users' images that cannot be read as a labelled set."""


class ModelError(FactoryError):
    """A model, a checkpoint or a provider that cannot be used as the recipe asks."""


class TrainingError(FactoryError):
    """What cannot be trained from the images there are or with these settings; others still can."""


class StudyError(FactoryError):
    """A study whose cells cannot be compared as its manifest says."""


class ExchangeError(FactoryError):
    """A grid of an exchange rate from which nothing can be read."""
