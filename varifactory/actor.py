"""Who does what is written down."""

import getpass
import os


def actor() -> str:
    """``VARIFACTORY_ACTOR``, else the login name.

    ``unknown`` where a user has no name, such as a number that a container was given.
    """
    try:
        return os.environ.get("VARIFACTORY_ACTOR") or getpass.getuser()
    except (KeyError, OSError, ImportError):  # ImportError: no pwd module, as on Windows
        return "unknown"
