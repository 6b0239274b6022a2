"""Shows the progress of training and evaluation on the terminal."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class StepProgress:
    """One progress bar for each step, on standard error; use it in a `with` block."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> StepProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def step(self, what: str, total: int) -> None:
        """Begin a step of *total* parts."""
        self._task = self._bars.add_task(what, total=total)

    def advance(self, n: int) -> None:
        """Advance the step by *n* parts."""
        if self._task is not None:
            self._bars.advance(self._task, n)
