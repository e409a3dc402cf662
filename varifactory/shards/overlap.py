"""Doing three things at once: reading the next batch, making one, keeping the last."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class Lane(Generic[Result]):
    """One thread beside the caller's, with at most ``ahead`` unfinished calls; 0 calls here.

    Leaving the block waits for what was begun. What a call raised comes out where its result is
    asked for.
    """

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._waiting: deque[Future[Result]] = deque()
        self._pool = ThreadPoolExecutor(1) if ahead else None

    def __enter__(self) -> "Lane[Result]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool:
            self._pool.shutdown(wait=True)

    def call(self, function: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Begin a call; waits while too many others do."""
        while self._waiting and len(self._waiting) >= self._ahead:
            self._waiting.popleft().exception()
        future = self._begun(function, *arguments)
        self._waiting.append(future)
        return future

    def _begun(self, function: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        if self._pool:
            return self._pool.submit(function, *arguments)
        future: Future[Result] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def ahead_of(
    lane: Lane[Result], function: Callable[[Piece], Result], pieces: Iterable[Piece], ahead: int
) -> "Iterator[tuple[Piece, Future[Result]]]":
    """Every piece with ``function`` of it, begun up to ``ahead`` pieces before it is wanted."""
    waiting: deque[tuple[Piece, Future[Result]]] = deque()
    for piece in pieces:
        waiting.append((piece, lane.call(function, piece)))
        if len(waiting) > ahead:
            yield waiting.popleft()
    yield from waiting
