"""The face module (regional DRM): sketch H_F, face boxes, crops, and eq. 2's composite with a blurred mask."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.patn.blocks import encoder
from drn.layers import STAGES, activation
from drn.replenish import DetailReplenishment

SIZE = 64  # side of a crop in pixels ("Implementation Details")
BOX = 1.3  # side of a box, relative to the extent of the landmarks
BLUR = 1 / 8  # sigma of the mask, relative to the side of the box; the paper gives no value

# The 68 points of iBUG 300-W by part; eyes and lips are closed curves.
_OPEN = (range(17), range(17, 22), range(22, 27), range(27, 31), range(31, 36))
_CLOSED = (range(36, 42), range(42, 48), range(48, 60), range(60, 68))
SEGMENTS = tuple(pair for part in (*_OPEN, *((*part, part[0]) for part in _CLOSED)) for pair in pairwise(part))
_RIGHT_EYE, _NOSE, _LEFT_EYE = 36, 30, 45  # the eyes' outer corners and the tip of the nose
# Fewer than 68: hair or a turned head may hide the ends of the jaw. On `studio` this agrees with the ground truth's
# "frontal" on all images.
FRONTAL_POINTS = 55


class FaceModule(nn.Module):
    """The regional DRM: generates a face from a landmark sketch, in the style of the source's face.

    The sketch is encoded to 8x8 as the transfer branch encodes an image. The rest is `DetailReplenishment`, whose
    output is the face itself.

    Args:
        width: channels at full resolution; 64 in the paper.
        style: length of the style code z_s; 128 in the paper.
        hidden: width of the MLP of each AdaIN layer; default: 256.

    Examples:
        >>> module = FaceModule(width=2, style=4, hidden=8)
        >>> module(torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 3, 64, 64])
    """

    def __init__(self, width: int = 64, style: int = 128, hidden: int = 256) -> None:
        super().__init__()
        self.content_encoder = encoder(1, width, STAGES, activation)
        self.replenishment = DetailReplenishment(width * 2**STAGES, width, style, hidden)

    def forward(self, source_face: Tensor, sketch: Tensor) -> Tensor:
        """Generate I_F, the face in the target's pose.

        Args:
            source_face: (B, 3, 64, 64) in [-1, 1], see `crop_faces`.
            sketch: H_F, (B, 1, 64, 64), see `draw_sketch`.

        Returns:
            (B, 3, 64, 64) in [-1, 1].
        """
        face: Tensor = self.replenishment(source_face, self.content_encoder(sketch))
        return face


def draw_sketch(landmarks: Tensor, size: int = SIZE) -> Tensor:
    """Draw the sketch H_F: the landmarks joined to lines of jaw, brows, nose, eyes and lips.

    The value is 1 on a line and falls to 0 at a distance of one pixel.

    Args:
        landmarks: (B, 68, 2) pixels (x, y) in the crop's frame, see `landmarks_in_crop`; NaN if not visible. Lines to
            such landmarks are left out.
        size: side of the sketch.

    Returns:
        (B, 1, size, size) in [0, 1].

    Examples:
        >>> landmarks = torch.full((1, 68, 2), float("nan"))
        >>> landmarks[0, 27], landmarks[0, 28] = torch.tensor([0.5, 1.0]), torch.tensor([2.5, 1.0])
        >>> draw_sketch(landmarks, 4)[0, 0]
        tensor([[0.5000, 0.5000, 0.5000, 0.0000],
                [0.5000, 0.5000, 0.5000, 0.0000],
                [0.0000, 0.0000, 0.0000, 0.0000],
                [0.0000, 0.0000, 0.0000, 0.0000]])
    """
    starts, ends = (landmarks[:, [pair[end] for pair in SEGMENTS], :, None, None] for end in (0, 1))
    along_x, along_y = (ends - starts).unbind(2)
    pixels = torch.arange(size, device=landmarks.device, dtype=landmarks.dtype) + 0.5
    x, y = pixels - starts[:, :, 0], pixels[:, None] - starts[:, :, 1]
    squared_length = (along_x**2 + along_y**2).clamp_min(1e-12)
    share = ((x * along_x + y * along_y) / squared_length).clamp(0, 1)
    squared = (x - share * along_x) ** 2 + (y - share * along_y) ** 2
    return (1 - squared.nan_to_num(nan=torch.inf).amin(1, keepdim=True).sqrt()).clamp_min(0)


def face_boxes(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Compute face boxes, and find which faces are frontal.

    In a frontal face the outer corners of both eyes are visible with the tip of the nose between them (in a mirrored
    face or from behind this is not so), and at least 55 of the 68 points are visible.

    Args:
        landmarks: (B, 68, 2) pixels (x, y), NaN if not visible.

    Returns:
        Boxes (B, 3): x and y of the top left corner, and the side. A box is a square of 1.3 times the extent of the
        visible landmarks, with the same centre; (0, 0, 1) if there is no frontal face. And (B,) bool: whether there is
        a frontal face.

    Examples:
        >>> boxes, found = face_boxes(torch.full((1, 68, 2), float("nan")))
        >>> boxes.tolist(), found.tolist()
        ([[0.0, 0.0, 1.0]], [False])
    """
    hidden = landmarks.isnan()
    x = landmarks[..., 0]
    frontal = (x[:, _RIGHT_EYE] < x[:, _NOSE]) & (x[:, _NOSE] < x[:, _LEFT_EYE])
    found = frontal & ((~hidden.any(2)).sum(1) >= FRONTAL_POINTS)
    low, high = landmarks.masked_fill(hidden, torch.inf).amin(1), landmarks.masked_fill(hidden, -torch.inf).amax(1)
    side = BOX * (high - low).amax(1, keepdim=True)
    boxes = torch.cat([(low + high - side) / 2, side], 1)
    return torch.where(found[:, None], boxes, boxes.new_tensor([0.0, 0.0, 1.0])), found


def landmarks_in_crop(landmarks: Tensor, boxes: Tensor, size: int = SIZE) -> Tensor:
    """Transform landmarks to the frame of a crop.

    Args:
        landmarks: (B, 68, 2) pixels (x, y) in the image.
        boxes: (B, 3), see `face_boxes`.
        size: of the crop.

    Returns:
        (B, 68, 2) pixels (x, y) of the crop.

    Examples:
        >>> landmarks_in_crop(torch.tensor([[[30.0, 25.0]]]), torch.tensor([[20.0, 20.0, 32.0]]))
        tensor([[[20., 10.]]])
    """
    return (landmarks - boxes[:, None, :2]) * (size / boxes[:, None, 2:])


def crop_faces(images: Tensor, boxes: Tensor, size: int = SIZE) -> Tensor:
    """Crop faces by bicubic interpolation, antialiased if the crop is smaller than the box.

    Args:
        images: (B, C, H, W) in [-1, 1].
        boxes: (B, 3), see `face_boxes`; they may reach beyond the image, whose border is then repeated.
        size: side of the crops.

    Returns:
        (B, C, size, size) in [-1, 1], float32.

    Examples:
        >>> crop_faces(torch.full((1, 1, 16, 16), 0.5), torch.tensor([[2.0, 3.0, 9.0]]), 2)
        tensor([[[[0.5000, 0.5000],
                  [0.5000, 0.5000]]]])
    """
    height, width = images.shape[2:]
    step = boxes[:, 2] / size
    rows, columns = (_bicubic(boxes[:, axis], step, length, size) for axis, length in ((1, height), (0, width)))
    return _resample(images, rows, columns).clamp(-1, 1)


def paste_faces(image: Tensor, faces: Tensor, boxes: Tensor, found: Tensor) -> tuple[Tensor, Tensor]:
    """Blend faces into images, eq. 2: I_t = (1 - M_F) (I_c + R_t) + M_F I_F.

    M_F is the indicator of the box, blurred by a Gaussian. Its sigma is an eighth of the side of the box. Outside the
    box, where M_F falls from 1/2 to 0, the border of the face is repeated.

    Args:
        image: I_c + R_t, (B, 3, H, W).
        faces: I_F, (B, 3, size, size).
        boxes: B_F, (B, 3), see `face_boxes`.
        found: (B,) bool: whether to blend in the face; the other images are returned unchanged.

    Returns:
        I_t (B, 3, H, W), and M_F (B, 1, H, W) in [0, 1].
    """
    height, width = image.shape[2:]
    size, side = faces.shape[-1], boxes[:, 2]
    step = size / side
    rows, columns = (_bicubic(-boxes[:, axis] * step, step, size, length) for axis, length in ((1, height), (0, width)))
    edges = [_blurred(boxes[:, axis], side, length) for axis, length in ((1, height), (0, width))]
    mask = edges[0][:, None, :, None] * edges[1][:, None, None, :] * found[:, None, None, None]
    return torch.lerp(image.float(), _resample(faces, rows, columns), mask), mask


def _blurred(start: Tensor, side: Tensor, length: int) -> Tensor:
    """The indicator of an interval, convolved with a Gaussian: (B,) -> (B, length). M_F is a product of two of them."""
    pixels = torch.arange(length, device=start.device, dtype=start.dtype) + 0.5 - start[:, None]
    spread = (side * BLUR * math.sqrt(2))[:, None]
    return (torch.erf(pixels / spread) - torch.erf((pixels - side[:, None]) / spread)) / 2


def _bicubic(offset: Tensor, step: Tensor, inputs: int, outputs: int) -> Tensor:
    """Interpolation weights of the inputs for output pixels k at offset + step * (k + 1/2).

    (B,) -> (B, outputs, inputs).
    """
    places = torch.arange(outputs, device=offset.device, dtype=offset.dtype) + 0.5
    centres = (offset[:, None] + step[:, None] * places).clamp(0.5, inputs - 0.5)
    pixels = torch.arange(inputs, device=offset.device, dtype=offset.dtype) + 0.5
    # The kernel is stretched if there are more inputs than outputs, which avoids aliasing (as in Pillow).
    d = ((pixels - centres[..., None]) / step.clamp_min(1)[:, None, None]).abs()
    near, far = (1.5 * d - 2.5) * d**2 + 1, ((-0.5 * d + 2.5) * d - 4) * d + 2  # Keys 1981, a = -1/2
    weights = torch.where(d < 1, near, far.where(d < 2, torch.zeros_like(far)))
    return weights / weights.sum(2, keepdim=True)


def _resample(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(B, C, H, W) times (B, h, H) and (B, w, W) -> (B, C, h, w), in float32 even under autocast."""
    with torch.autocast(images.device.type, enabled=False):
        return rows[:, None].float() @ images.float() @ columns[:, None].float().transpose(2, 3)
