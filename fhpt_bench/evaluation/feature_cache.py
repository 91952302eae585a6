"""The feature cache: features of images, found by the image's content."""

from __future__ import annotations

import hmac
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.data.images import pixels_sha256
from fhpt_bench.devices import gpu_name
from fhpt_bench.errors import UserError
from fhpt_bench.feature import Feature, VectorFeature, features
from fhpt_bench.files import cache_folder, explained, local_signature, sha256_json, write_bytes
from fhpt_bench.reading import ARCHIVE_BYTES, parse_array, read_file

_SIGNATURE = 64  # bytes
log = logging.getLogger(__name__)


class FeatureCache:
    """The values of one feature on disk, one file per image.

    Each file is signed with a key in the user's cache folder, together with what it is the value of: a value that this
    user's runs did not compute for this image and feature is not used.

    Args:
        identity: `Feature.identity` of the feature: id, version, weights, preprocessing, back end and dtype.
        folder: the folder to use; default: in the user's cache folder.
        device: "cpu", "cuda" or "cuda:1". A value of a CPU is not used on a GPU, nor that of a GPU on one of another
            name, since the last digits differ.
        store: a folder that takes new values in place of `folder`, until `adopt` moves them there.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = FeatureCache({"id": "mean", "version": 1}, Path(folder))
        ...     cache.put("ab12", np.float32([1.0, 2.0]))
        ...     cache.get("ab12").tolist(), cache.get("cd34")
        ([1.0, 2.0], None)
    """

    def __init__(
        self, identity: dict[str, Any], folder: Path | None = None, device: str = "cpu", store: Path | None = None
    ) -> None:
        self._id = str(identity["id"])
        self._identity = [identity, *([] if device == "cpu" else ["cuda", gpu_name(device)])]
        self._folder, self._store = folder or cache_folder() / "vectors", store

    def _path(self, image_sha256: str, folder: Path) -> Path:
        key = sha256_json([image_sha256, *self._identity])
        return folder / self._id / key[:2] / f"{key}.npy"

    def get(self, image_sha256: str) -> NDArray[np.float32] | None:
        """The cached value, or None if there is none or its file is damaged.

        Args:
            image_sha256: the digest of the image's pixels (`pixels_sha256`).
        """
        path = self._path(image_sha256, self._folder)
        if not path.exists() and self._store is not None:
            path = self._path(image_sha256, self._store)
        if not path.exists():
            return None
        content = read_file(path, ARCHIVE_BYTES)
        signature, array = content[:_SIGNATURE], content[_SIGNATURE:]
        if hmac.compare_digest(signature, self._signature(path, array)):
            value: NDArray[np.float32] = parse_array(array)
            if value.dtype == np.float32:
                return value
        log.warning("The cache entry %s is damaged, or was not written here; it is computed again.", path)
        return None

    def put(self, image_sha256: str, value: NDArray[np.float32]) -> None:
        """Store a value.

        Args:
            image_sha256: the digest of the image's pixels.
            value: of any shape.

        Raises:
            ValueError: if it is not float32.
            UserError: if it cannot be written (full disk, no permission).
        """
        if value.dtype != np.float32:
            raise ValueError(f"a feature's value must be float32, not {value.dtype}")
        path, buffer = self._path(image_sha256, self._store or self._folder), io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        array = buffer.getvalue()
        # Not forced to the disk, which would take longer than the network: the signature detects what was cut short.
        write_bytes(path, self._signature(path, array) + array, on_disk=False)

    def adopt(self, image_sha256: str, store: Path) -> None:
        """Move a value from a store of another object into the folder, if it is there and the folder has none.

        Args:
            image_sha256: the digest of the image's pixels.
            store: the other object's store, on the same disk.

        Raises:
            UserError: if it cannot be moved.
        """
        path, found = self._path(image_sha256, self._folder), self._path(image_sha256, store)
        if found.exists() and not path.exists():
            with explained(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                found.replace(path)

    def _signature(self, path: Path, array: bytes) -> bytes:
        return local_signature(path.name.encode() + array)


class CachedFeature:
    """A feature of single images; the network is loaded when a value is not in the cache.

    Args:
        name: the registered name of a feature that gives vectors.
        device: "cpu" or "cuda".

    Raises:
        WeightsMissing: if no source has the network's weights.
        UserError: if there is no such feature, or it gives maps.
    """

    def __init__(self, name: str, device: str) -> None:
        self._plugin, self._device = features.load(name), device
        if not issubclass(self._plugin, VectorFeature):
            raise UserError(f"The feature {name} gives maps, which are not cached: use a feature that gives a vector.")
        digests = {weight: weights.fetch(weight) for weight in self._plugin.spec.weights}
        self._cache = FeatureCache(self._plugin.identity(digests), device=device)
        self._network: Feature | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The value of one image.

        Args:
            pixels: (H, W, 3) uint8.
        """
        digest = pixels_sha256(pixels)
        value = self._cache.get(digest)
        if value is None:
            self._network = self._network or self._plugin(self._device)
            # One image at a time: the last bits of a value must not depend on the other images of a batch.
            value = self._network.extract(pixels[None])[0]  # type: ignore[attr-defined]
            self._cache.put(digest, value)
        return value
