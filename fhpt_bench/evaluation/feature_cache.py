"""The feature cache: what a network said of an image, found again by the image's content."""

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
    """One feature's values on disk, one file an image, each checked when it is read.

    Args:
        identity: of the feature (`FeatureSpec.identity`): id, version, weights, preprocessing, back end and dtype.
        folder: where, if not in the user's cache folder.

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
        """The kept value, or None where there is none that is sound.

        Args:
            image_sha256: digest of the image's pixels (`pixels_sha256`).
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
        """Keep a value.

        Raises:
            UserError: where it cannot be written (full disk, no permission).
        """
        buffer = io.BytesIO()
        np.save(buffer, value, allow_pickle=False)
        array = buffer.getvalue()
        write_bytes(self._path(image_sha256), hashlib.sha256(array).digest() + array)
