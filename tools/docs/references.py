"""Reference packages, set up for comparisons."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from fhpt_bench import weights


@functools.cache
def package_lpips(variant: str) -> Any:
    """The package `lpips` with convolutions from our weights store, which it would otherwise download.

    Args:
        variant: a variant of our `lpips`, such as "alex-0.1"; what it changes in the images is not done here.

    Returns:
        The torch module: two (N, 3, H, W) float32, meant to be in [-1, 1] -> distances.
    """
    import lpips

    net, _, rest = variant.partition("-")
    version = rest if rest[0] == "0" else "0.1"
    with warnings.catch_warnings():  # it uses a deprecated interface of torchvision
        warnings.simplefilter("ignore", UserWarning)
        model = lpips.LPIPS(net=net, version=version, pnet_rand=True, verbose=False)
    trunk = weights.load({"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet"}[net])
    # "slice1.0.weight" there is "features.0.weight" here
    model.net.load_state_dict({name: trunk[f"features.{name.partition('.')[2]}"] for name in model.net.state_dict()})
    return model.requires_grad_(False)
