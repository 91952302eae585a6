"""What a run has cost so far, and which of its protocols have broken."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.evaluation.run_folder import Work

log = logging.getLogger(__name__)


class Accounting:
    """The books of one process of a run.

    Args:
        plan: the protocols.
        main: whether this process writes the record; another one logs what it sees breaking.

    Attributes:
        failed: protocol key -> reason.
    """

    def __init__(self, plan: Sequence[Step], main: bool) -> None:
        self._plan, self._main = tuple(plan), main
        self.failed: dict[str, str] = {}
        self._stages: dict[str, Work] = {}

    def steps(self, train: bool = False) -> list[Step]:
        """What is to be run and has not broken.

        Args:
            train: only what compares with training images.
        """
        steps = [step for step in self._plan if not step.skip and step.protocol.card.key not in self.failed]
        return [step for step in steps if step.protocol.training_images] if train else steps

    @contextmanager
    def guarded(self, *steps: Step) -> Iterator[None]:
        """One failing protocol is recorded as failed, and the others go on."""
        try:
            yield
        except UserError:  # a full disk is nobody's failing: the run stops with its sentence
            raise
        except Exception as error:  # whatever a plugin raises
            for step in steps:
                self.failed[step.protocol.card.key] = f"{type(error).__name__}: {error}"
                if not self._main:  # the record is the main process's, which cannot know the reason
                    log.error("%s failed: %s", step.protocol.card.key, self.failed[step.protocol.card.key])

    @contextmanager
    def timed(self, stage: str, images: int = 0, forwards: int = 0) -> Iterator[None]:
        """Book what is done inside under a stage."""
        start = time.perf_counter()
        yield
        self.book(stage, Work(time.perf_counter() - start, images, forwards))

    def book(self, stage: str, work: Work) -> None:
        """Add to a stage's cost."""
        self._stages.setdefault(stage, Work()).add(work)

    def close(self) -> dict[str, Work]:
        """The cost of each stage since the last call."""
        stages, self._stages = self._stages, {}
        return stages
