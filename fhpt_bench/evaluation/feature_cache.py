"""The feature cache: features of images, found by the image's content."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.files import cache_folder, sha256_json, write_bytes

_DIGEST_SIZE = hashlib.sha256().digest_size
log = logging.getLogger(__name__)


class FeatureCache:
    """The values of one feature on disk, one file per image, each verified when it is read.

    Args:
        identity: `FeatureSpec.identity` of the feature: id, version, weights, preprocessing, back end and dtype.
        folder: the folder to use; default: in the user's cache folder.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = FeatureCache({"id": "mean", "version": 1}, Path(folder))
        ...     cache.put("ab12", np.float32([1.0, 2.0]))
        ...     cache.get("ab12").tolist(), cache.get("cd34")
        ([1.0, 2.0], None)
    """

    def __init__(self, identity: dict[str, Any], folder: Path | None = None) -> None:
        self._identity = identity
        self._folder = (folder or cache_folder() / "features") / str(identity["id"])

    def _path(self, image_sha256: str) -> Path:
        key = sha256_json([image_sha256, self._identity])
        return self._folder / key[:2] / f"{key}.npy"

    def get(self, image_sha256: str) -> NDArray[np.float32] | None:
        """The cached value, or None if there is none or its file is damaged.

        Args:
            image_sha256: the digest of the image's pixels (`pixels_sha256`).
        """
        path = self._path(image_sha256)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        digest, array = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if hashlib.sha256(array).digest() != digest:
            log.warning("The cache entry %s is damaged; it is computed again.", path)
            return None
        value: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
        return value

    def put(self, image_sha256: str, value: NDArray[np.float32]) -> None:
        """Store a value.

        Raises:
            UserError: if it cannot be written (full disk, no permission).
        """
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        array = buffer.getvalue()
        write_bytes(self._path(image_sha256), hashlib.sha256(array).digest() + array)
