"""A trained head: a linear layer on the square roots of a network's pooled numbers, and how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.errors import UserError
from fhpt_bench.weights.own import weights_bytes
from protocols.semantic.heads.backbones import Backbone

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark


@dataclass(frozen=True)
class Head:
    """What was learnt, and from what.

    Args:
        weight: (D, K) float32.
        bias: (K,) float32.
        card: JSON: recipe, seed, benchmark, backbone, how it was made and how well it does on held-out people.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    card: Mapping[str, Any]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, D) pooled numbers, none negative -> (N, K): sqrt(features) @ weight + bias.

        Square roots, so that a few strong channels do not decide alone: Arandjelovic and Zisserman, Three Things
        Everyone Should Know to Improve Object Retrieval, CVPR 2012 (RootSIFT).

        Examples:
            >>> head = Head(np.array([[1], [2]], np.float32), np.array([0.5], np.float32), {})
            >>> head(np.array([[4.0, 9.0]], np.float32)).tolist()
            [[8.5]]
        """
        raised: NDArray[np.float64] = np.sqrt(features.astype(np.float64)) @ self.weight.astype(np.float64) + self.bias
        return raised


def head_bytes(name: str, head: Head) -> bytes:
    """A head as the weights store reads it, a safetensors file; equal heads give equal bytes.

    Args:
        name: under which protocols ask for it.
        head: what was learnt.
    """
    origin = f"fhpt-bench train {name}, seed {head.card['seed']}, on {head.card['benchmark']['id']}"
    return weights_bytes(name, {"weight": head.weight, "bias": head.bias}, origin, head.card)


def load_head(name: str, backbone: Backbone, outputs: int | None = None) -> Head:
    """The head of that name: from `FHPT_WEIGHTS_DIR`, else the one that ships with the package.

    Args:
        name: of its weights.
        backbone: the network that it looks through.
        outputs: how many numbers it must give, if that is fixed.

    Raises:
        WeightsMissing: where no head of that name, or not its network, is on this machine.
        UserError: where the file holds something else, or was learnt on other weights of the network.
    """
    from safetensors import safe_open

    found = weights.obtain(name)
    way_out = f"make it anew with `fhpt-bench train {name}`, or take it out of {weights.FOLDER_VARIABLE}"
    with safe_open(found.path, "numpy") as file:
        facts = file.metadata()
    try:
        head = Head(found.arrays["weight"], found.arrays["bias"], json.loads(facts["card"]))
        trained_on = head.card["backbone"]["sha256"]
        _ = head.card["benchmark"]["id"], head.card["benchmark"]["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{found.path} is no head of fhpt-bench (it lacks {error}): {way_out}.") from error
    numbers = backbone.seen.stop - backbone.seen.start
    fits = head.weight.ndim == 2 and head.bias.shape == head.weight.shape[1:] and len(head.weight) == numbers
    if not fits or outputs not in (None, len(head.bias)):
        wanted = f"({numbers}, {outputs or 'K'})"
        raise UserError(f"The head {found.path} is of shape {head.weight.shape} in place of {wanted}: {way_out}.")
    here = weights.fetch(backbone.weights)
    if trained_on != here:
        raise UserError(
            f"The head {found.path} was learnt on other weights of {backbone.weights} ({str(trained_on)[:16]}) than "
            f"those on this machine ({here[:16]}): {way_out}."
        )
    return head


def unusable(name: str, backbone: Backbone, benchmark: Benchmark, outputs: int | None = None) -> str | None:
    """Why a head cannot serve on a benchmark, one sentence with the way out; None where it can, or is not here at all.

    A head is part of a measurement only on the benchmark whose training split it was learnt on.
    """
    try:
        card = load_head(name, backbone, outputs).card["benchmark"]
    except weights.WeightsMissing:
        return None  # the plan says so, and how to get them
    except UserError as error:
        return str(error)
    if (card["id"], card["version"]) != (benchmark.id, benchmark.version):
        return (
            f"The head {name} here was learnt on {card['id']} {card['version']}, not on {benchmark.id} "
            f"{benchmark.version}: train one with `fhpt-bench train {name} --benchmark {benchmark.id} --out DIR` and "
            f"set {weights.FOLDER_VARIABLE} to DIR."
        )
    return None
