"""The cost of a run's stages, and which of its protocols have failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fhpt_bench.errors import UserError, with_location
from fhpt_bench.evaluation.finished import Work
from fhpt_bench.evaluation.plan import Step

log = logging.getLogger(__name__)


class Accounting:
    """The cost and the failures of one process of a run.

    Args:
        plan: the protocols.
        main: whether this process writes the record; the others log their failures.

    Attributes:
        failed: protocol key -> reason.
    """

    def __init__(self, plan: Sequence[Step], main: bool) -> None:
        self._plan, self._main = tuple(plan), main
        self.failed: dict[str, str] = {}
        self._stages: dict[str, Work] = {}

    def steps(self, train: bool = False) -> list[Step]:
        """The protocols that are to run and have not failed.

        Args:
            train: only protocols that compare with training images.
        """
        steps = [step for step in self._plan if not step.skip and step.protocol.card.key not in self.failed]
        return [step for step in steps if step.protocol.training_images] if train else steps

    @contextmanager
    def guarded(self, *steps: Step) -> Iterator[None]:
        """Record protocols as failed if the code inside raises, and continue with the others."""
        try:
            yield
        except UserError:  # not a protocol's failure (a full disk, for example): the run stops with this message
            raise
        except Exception as error:  # whatever a plugin raises
            for step in steps:
                self.failed[step.protocol.card.key] = with_location(error)
                if not self._main:  # the main process writes the record and cannot know this reason
                    log.error("%s failed: %s", step.protocol.card.key, self.failed[step.protocol.card.key])

    @contextmanager
    def timed(self, stage: str, images: int = 0, forwards: int = 0) -> Iterator[None]:
        """Add the time of the code inside to a stage."""
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
