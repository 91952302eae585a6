"""A submission: one zip file with a record, its values by pair, and what its author says about it.

Its members have fixed names: `submission.json` (the card), `record.json`, `pairs.csv`, and, if the run kept its images,
`images.json` (pair id -> digest of the pixels) and `thumbnails.webp` (small images in a grid).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fhpt_bench.data.images import read_image
from fhpt_bench.errors import UserError, plain
from fhpt_bench.files import sha256_bytes, write_bytes
from fhpt_bench.reading import JSON_BYTES, LIST_BYTES, NAME, parse_json, read_file
from fhpt_bench.records.pair_table import PAIRS_FILE, images_digest, read_people
from fhpt_bench.records.schema import RECORD_FILE, Record, read_record
from fhpt_bench.records.validation import Validation, validate_record
from fhpt_bench.records.validation.checks import Check, judge

CARD_FILE, IMAGES_FILE, THUMBNAILS_FILE = "submission.json", "images.json", "thumbnails.webp"
THUMBNAIL_WIDTH, THUMBNAILS = 64, 1000  # pixels, and images at most
# Member -> the largest size in bytes that is unpacked.
LIMITS = {
    CARD_FILE: 1 << 20, RECORD_FILE: JSON_BYTES, PAIRS_FILE: LIST_BYTES, IMAGES_FILE: JSON_BYTES,
    THUMBNAILS_FILE: 8 << 20,
}  # fmt: skip
_FILE = 64 << 20  # bytes of a submission
_Line = Annotated[str, Field(max_length=2000)]


class SubmissionCard(BaseModel):
    """What the author of a submission says about it; nothing of this can be checked.

    Args:
        submission_version: version of this format.
        who: who submits.
        what: what the model is.
        made: how the images were made: code, weights, settings.
        paper: citation or link, or "".
        licence: licence of the images and weights, or "".
        members: name of each other member -> sha256 of its content.
        thumbnails: ids of the pairs in `thumbnails.webp`, row by row.
        columns: thumbnails per row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    submission_version: Literal[1] = 1
    who: Annotated[str, Field(min_length=1, max_length=NAME)]
    what: _Line
    made: Annotated[str, Field(min_length=1, max_length=2000)]
    paper: _Line = ""
    licence: Annotated[str, Field(max_length=NAME)] = ""
    members: dict[str, str]
    thumbnails: Annotated[tuple[_Line, ...], Field(max_length=THUMBNAILS)] = ()
    columns: Annotated[int, Field(ge=1, le=THUMBNAILS)] = 1

    @model_validator(mode="before")
    @classmethod
    def _plain_texts(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {key: plain(value) if isinstance(value, str) else value for key, value in content.items()}


@dataclass(frozen=True)
class Submission:
    """An unpacked submission.

    Args:
        card: what its author says.
        record: the record, in the folder of the unpacked files.
        images: pair id -> digest of the image's pixels, or None if the file has none.
    """

    card: SubmissionCard
    record: Record
    images: Mapping[str, str] | None


def unpack_submission(file: Path, folder: Path) -> Submission:
    """Unpack a submission of a stranger into a folder.

    Members with other names, repeated or encrypted members, and members beyond their limits are refused before anything
    is written; no name of the file is used as a path.

    Args:
        file: the zip file.
        folder: an empty folder to write into; it is created if needed.

    Returns:
        The submission; `record.folder` is the folder.

    Raises:
        UserError: if the file is not a submission, is damaged, or exceeds a limit.
    """
    members = dict(_members(file))
    if missing := {CARD_FILE, RECORD_FILE, PAIRS_FILE} - set(members):
        raise UserError(f"{file} is not a submission: it has no {min(missing)}.")
    try:
        card = SubmissionCard.model_validate(parse_json(members[CARD_FILE], f"{CARD_FILE} in {file}"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))[:NAME] or "card"
        raise UserError(f"{CARD_FILE} in {file} is wrong at {where}: {first['msg']}.") from error
    content = {name: sha256_bytes(one) for name, one in members.items() if name != CARD_FILE}
    if content != card.members:
        raise UserError(f"{file} is damaged: its members are not those that {CARD_FILE} lists.")
    images = _digests(members[IMAGES_FILE], file) if IMAGES_FILE in members else None
    for name, one in members.items():
        write_bytes(folder / name, one)
    return Submission(card, read_record(folder), images)


def _members(file: Path) -> Iterator[tuple[str, bytes]]:
    content = read_file(file, _FILE)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            listed = archive.infolist()
            names = [member.filename for member in listed]
            for member in listed:
                if member.filename not in LIMITS or names.count(member.filename) > 1:
                    raise UserError(f"{file} is not a submission: it has the member {plain(member.filename[:NAME])!r}.")
                if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise UserError(f"{file} is not a submission: {member.filename} is encrypted or packed otherwise.")
                # The sizes that the file states may be wrong: what is read is limited too.
                with archive.open(member) as opened:
                    unpacked = opened.read(LIMITS[member.filename] + 1)
                if len(unpacked) > LIMITS[member.filename]:
                    most = f"{LIMITS[member.filename]:,}"
                    raise UserError(f"{file} is too large: {member.filename} has more than {most} bytes.")
                yield member.filename, unpacked
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError) as error:
        raise UserError(f"{file} is not a zip file that can be read: {error}.") from error


def _digests(content: bytes, file: Path) -> dict[str, str]:
    found = parse_json(content, f"{IMAGES_FILE} in {file}")
    if not isinstance(found, dict) or not all(isinstance(digest, str) for digest in found.values()):
        raise UserError(f"{IMAGES_FILE} in {file} is not a table of pair ids and digests.")
    return found


def check_submission(submission: Submission, data_root: Path | None = None, progress: bool = False) -> Validation:
    """Check a submission as `validate_record` does, and its images as far as the file shows them.

    Args:
        submission: from `unpack_submission`.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        progress: show a progress bar.
    """
    record = submission.record
    found = validate_record(record, data_root, progress)
    kept = [check for check in found.checks if check.name != "images"]
    checks = [*kept, *_image_checks(submission), *_thumbnail_checks(submission)]
    card = submission.card
    said = f"who ({card.who}), paper, licence, and how the images were made are what the author says"
    return replace(found, checks=(*checks, Check("cannot", "card", said)))


def _image_checks(submission: Submission) -> list[Check]:
    record = submission.record
    if submission.images is None:
        return [Check("cannot", "images", "the file has no digests of the generated images")]
    problems = []
    try:
        if set(submission.images) != set(read_people(record.folder or Path(), record.pairs.rows).index):
            problems.append(f"{IMAGES_FILE} does not have the pairs of {PAIRS_FILE}")
    except UserError as error:
        problems.append(str(error))
    if images_digest(submission.images) != record.pairs.images_sha256:
        problems.append(f"the digests in {IMAGES_FILE} are not those of the record")
    checks = judge("digests of images", problems, f"belong to the record, for {len(submission.images)} pairs")
    return [*checks, Check("cannot", "images", "the images are not in the file: `validate --images` needs the run")]


def _thumbnail_checks(submission: Submission) -> list[Check]:
    card, record = submission.card, submission.record
    file = (record.folder or Path()) / THUMBNAILS_FILE
    if not file.is_file():
        return []
    try:
        shown = read_image(file).shape[:2]
    except UserError as error:
        return [Check("WRONG", "thumbnails", str(error))]
    count = len(card.thumbnails)
    expected = sheet_size(count, card.columns, record.benchmark.image_size)
    problems = []
    if not count or shown != expected:
        problems.append(f"the sheet is {shown[1]}x{shown[0]}, but {count} thumbnails need {expected[1]}x{expected[0]}")
    if submission.images is not None and not set(card.thumbnails) <= set(submission.images):
        problems.append("a thumbnail belongs to no pair")
    return judge("thumbnails", problems, f"{count}; whether they show the images that were measured is unknown")


def thumbnail_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a thumbnail of an image of that (height, width).

    Examples:
        >>> thumbnail_size((256, 176))
        (93, 64)
    """
    return max(1, round(image_size[0] * THUMBNAIL_WIDTH / image_size[1])), THUMBNAIL_WIDTH


def sheet_size(count: int, columns: int, image_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a sheet of thumbnails."""
    height, width = thumbnail_size(image_size)
    return -(-count // columns) * height, columns * width


def pack_submission(
    card: SubmissionCard, record: bytes, pairs: bytes, images: Mapping[str, str] | None, sheet: NDArray[np.uint8] | None
) -> bytes:
    """The zip file of a submission; the same content gives the same bytes.

    Args:
        card: what the author says; `members` is filled in.
        record: content of record.json.
        pairs: content of pairs.csv.
        images: pair id -> digest of the image's pixels, or None.
        sheet: (H, W, 3) uint8, the thumbnails, or None.

    Raises:
        UserError: if a member exceeds its limit.
    """
    import json

    from PIL import Image

    members = {RECORD_FILE: record, PAIRS_FILE: pairs}
    if images is not None:
        members[IMAGES_FILE] = json.dumps(dict(images), indent=0).encode()
    if sheet is not None:
        buffer = io.BytesIO()
        Image.fromarray(sheet).save(buffer, "WEBP", quality=80)
        members[THUMBNAILS_FILE] = buffer.getvalue()
    listed = {name: sha256_bytes(content) for name, content in members.items()}
    members[CARD_FILE] = card.model_copy(update={"members": listed}).model_dump_json(indent=1).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            if len(members[name]) > LIMITS[name]:
                raise UserError(f"The submission is too large: {name} has more than {LIMITS[name]:,} bytes.")
            archive.writestr(zipfile.ZipInfo(name), members[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()
