"""A trained head: a linear layer on the square roots of a network's pooled features, with its training details."""

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
    """A trained linear layer and its card.

    Args:
        weight: (D, K) float32.
        bias: (K,) float32.
        card: JSON with recipe, seed, benchmark, backbone, training details and results on held-out people.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    card: Mapping[str, Any]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, D) pooled features, not negative -> (N, K): sqrt(features) @ weight + bias.

        Square roots limit the influence of a few strong channels: Arandjelovic and Zisserman, Three Things
        Everyone Should Know to Improve Object Retrieval, CVPR 2012 (RootSIFT).

        Examples:
            >>> head = Head(np.array([[1], [2]], np.float32), np.array([0.5], np.float32), {})
            >>> head(np.array([[4.0, 9.0]], np.float32)).tolist()
            [[8.5]]
        """
        output: NDArray[np.float64] = np.sqrt(features.astype(np.float64)) @ self.weight.astype(np.float64) + self.bias
        return output


def head_bytes(name: str, head: Head) -> bytes:
    """Encode a head as a safetensors file for the weights store; equal heads give equal bytes.

    Args:
        name: name of the weights, which protocols use to load it.
        head: the trained head.
    """
    origin = f"fhpt-bench train {name}, seed {head.card['seed']}, on {head.card['benchmark']['id']}"
    return weights_bytes(name, {"weight": head.weight, "bias": head.bias}, origin, head.card)


def load_head(name: str, backbone: Backbone, outputs: int | None = None) -> Head:
    """Load a head from `FHPT_WEIGHTS_DIR`, or else the one that ships with the package.

    Args:
        name: name of its weights.
        backbone: the network whose features it uses.
        outputs: required number of outputs; default: any.

    Raises:
        WeightsMissing: if the head or its network is not on this machine.
        UserError: if the file is not such a head, or the head was trained on other weights of the network.
    """
    from safetensors import safe_open

    found = weights.obtain(name)
    way_out = f"train it again with `fhpt-bench train {name}`, or remove it from {weights.FOLDER_VARIABLE}"
    with safe_open(found.path, "numpy") as file:
        facts = file.metadata()
    try:
        head = Head(found.arrays["weight"], found.arrays["bias"], json.loads(facts["card"]))
        trained_on = head.card["backbone"]["sha256"]
        _ = head.card["benchmark"]["id"], head.card["benchmark"]["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{found.path} is not a head of fhpt-bench ({error} is missing): {way_out}.") from error
    numbers = backbone.seen.stop - backbone.seen.start
    fits = head.weight.ndim == 2 and head.bias.shape == head.weight.shape[1:] and len(head.weight) == numbers
    if not fits or outputs not in (None, len(head.bias)):
        wanted = f"({numbers}, {outputs or 'K'})"
        raise UserError(f"The head {found.path} has shape {head.weight.shape} instead of {wanted}: {way_out}.")
    current = weights.fetch(backbone.weights)
    if trained_on != current:
        raise UserError(
            f"The head {found.path} was trained on other weights of {backbone.weights} ({str(trained_on)[:16]}) than "
            f"those on this machine ({current[:16]}): {way_out}."
        )
    return head


def unusable(name: str, backbone: Backbone, benchmark: Benchmark, outputs: int | None = None) -> str | None:
    """Why a head cannot be used on a benchmark, one sentence with a solution; None if it can, or if it is missing.

    A head is used only on the benchmark on whose training split it was trained.
    """
    try:
        card = load_head(name, backbone, outputs).card["benchmark"]
    except weights.WeightsMissing:
        return None  # the plan reports this, and how to get them
    except UserError as error:
        return str(error)
    if (card["id"], card["version"]) != (benchmark.id, benchmark.version):
        return (
            f"The available head {name} was trained on {card['id']} {card['version']}, not on {benchmark.id} "
            f"{benchmark.version}: train one with `fhpt-bench train {name} --benchmark {benchmark.id} --out DIR` (and "
            "--data-root, as for this run) and "
            f"set {weights.FOLDER_VARIABLE} to DIR."
        )
    return None
