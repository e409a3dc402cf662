"""First weights of any module from a generator of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from varifactory.errors import ModelError

if TYPE_CHECKING:
    import torch


@contextmanager
def drawn_from(random: "torch.Generator") -> Iterator[None]:
    """Within it this thread's chance on the CPU comes from ``random``.

    Libraries fill new layers from torch's global state, which all threads share: another cell that
    begins at the same time would change it.

    Raises:
        ModelError: chance is drawn by an operation that takes no generator.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Drawn(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is not typed
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            kwargs = dict(kwargs or {})
            if any(each.name == "generator" for each in func._schema.arguments):
                if kwargs.get("generator") is None:
                    kwargs["generator"] = random
            elif torch.Tag.nondeterministic_seeded in func.tags:
                # Of torch.rand and the like another overload takes one.
                if "generator" not in func.overloadpacket.overloads():
                    raise ModelError(f"first weights drawn by {func} cannot be told by a seed")
                func, kwargs["generator"] = func.overloadpacket.generator, random
            return func(*args, **kwargs)

    with Drawn():  # type: ignore[no-untyped-call]  # as above
        yield
