"""The interface of protocols that work with any encoder: a variant is the name of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.feature import Feature
from fhpt_bench.networks.encoders import VARIABLE, Encoder, known_encoders
from fhpt_bench.protocol import Protocol


class EncoderProtocol(Protocol):
    """A protocol that works with the vectors of any encoder: its variants are the names of the known encoders.

    Its `definition` says what it computes of the vectors. Without a variant it uses the encoder `default`.
    """

    definition: ClassVar[str]
    default: ClassVar[str]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "definition" in cls.__dict__:
            cls.variants = _EncoderVariants(cls.definition, cls.default)

    def __init__(self, variant: str | None = None) -> None:
        known = known_encoders()
        if variant is not None and variant not in known:
            raise UserError(
                f"Protocol {self.id} knows no encoder {variant!r}: name its file with --encoders or {VARIABLE}, or "
                f"{did_you_mean(variant, known)}"
            )
        super().__init__(variant)
        self.encoder: Encoder = known[self.variant]
        # Another file of encoders may be in use later; this protocol keeps its own.
        self.variants = {self.variant: self.variants[self.variant]}  # type: ignore[misc]

    @property
    def features(self) -> tuple[str, ...]:
        """The feature of the encoder."""
        return (self.encoder.feature,)

    def feature_class(self, name: str) -> type[Feature]:
        """The class of the encoder's feature; its network is not loaded."""
        from fhpt_bench.networks.encoder import encoder_feature

        return encoder_feature(self.encoder)

    def wrong_file(self) -> str | None:
        """What is wrong with the file of an encoder of the user's; that of a ready one may be missing."""
        return self.encoder.problem() if self.encoder.folder is not None else None

    @staticmethod
    def without(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(n, D) -> (n,) whether an image has no vector, because an encoder of faces found none."""
        nothing: NDArray[np.bool_] = np.isnan(vectors).any(1)
        return nothing


class _EncoderVariants(Mapping[str, str]):
    """Name of each encoder that is known now -> what a protocol computes with it."""

    def __init__(self, definition: str, first: str) -> None:
        self._definition, self._first = definition, first

    def __getitem__(self, name: str) -> str:
        return f"{self._definition}; encoder: {known_encoders()[name].text}"

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys([self._first, *known_encoders()]))

    def __len__(self) -> int:
        return len(known_encoders())
