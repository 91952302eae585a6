"""The cost of a run's stages, and which of its protocols have failed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fhpt_bench.devices import device_name
from fhpt_bench.errors import UserError, with_location
from fhpt_bench.evaluation.finished import Work
from fhpt_bench.evaluation.memory import memory_advice, out_of_memory
from fhpt_bench.evaluation.plan import Step

log = logging.getLogger(__name__)


class Accounting:
    """The cost and the failures of one process of a run.

    Args:
        plan: the protocols.
        main: whether this process writes the record; the others log their failures.
        device: "cpu" or "cuda".

    Attributes:
        failed: protocol key -> reason.
        device: the name of the device, for `timed`.
    """

    def __init__(self, plan: Sequence[Step], main: bool, device: str) -> None:
        self._plan, self._main, self._kind = tuple(plan), main, device
        self.device = device_name(device)
        self.failed: dict[str, str] = {}
        self._stages: dict[str, Work] = {}
        self._lock = threading.Lock()

    def steps(self, train: bool = False) -> list[Step]:
        """The protocols that are to run and have not failed.

        Args:
            train: only protocols that compare with training images.
        """
        steps = [step for step in self._plan if not step.skip and step.protocol.card.key not in self.failed]
        return [step for step in steps if step.protocol.training_images] if train else steps

    @contextmanager
    def guarded(self, *steps: Step, images: int = 0) -> Iterator[None]:
        """Record protocols as failed if the code inside raises, and continue with the others.

        Args:
            steps: the protocols.
            images: how many images the code computes at once. If there are several, an error that says that the memory
                is too small is raised: the caller tries fewer.
        """
        try:
            yield
        except UserError:  # not a protocol's failure (a full disk, for example): the run stops with this message
            raise
        except Exception as error:  # whatever a plugin raises
            short = out_of_memory(error)
            if short and images > 1:
                raise
            for step in steps:
                self.failed[step.protocol.card.key] = (
                    memory_advice(images, self._kind) if short else with_location(error)
                )
                if not self._main:  # the main process writes the record and cannot know this reason
                    log.error("%s failed: %s", step.protocol.card.key, self.failed[step.protocol.card.key])

    @contextmanager
    def timed(self, stage: str, images: int = 0, forwards: int = 0, device: str = "") -> Iterator[None]:
        """Add the time of the code inside to a stage.

        Args:
            stage: its name.
            images: how many images it computes.
            forwards: how many of them go through a network.
            device: name of the device, if it decides the last digits of what is computed.
        """
        start = time.perf_counter()
        yield
        self.book(stage, Work(time.perf_counter() - start, images, forwards, {device: images} if device else {}))

    def book(self, stage: str, work: Work) -> None:
        """Add to a stage's cost; several threads may do so."""
        with self._lock:
            self._stages.setdefault(stage, Work()).add(work)

    def close(self) -> dict[str, Work]:
        """The cost of each stage since the last call."""
        with self._lock:
            stages, self._stages = self._stages, {}
        return stages
