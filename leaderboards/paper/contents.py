"""What the paper's tables and figures show: their systems, and the scores of their columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class System:
    """A system of the paper.

    Args:
        label: its name in the paper's tables.
        model: name of the model here.
        published: system and setting of its rows in `leaderboards/published/drn.toml`.
    """

    label: str
    model: str
    published: tuple[str, str]


@dataclass(frozen=True)
class Measure:
    """A column of a table.

    Args:
        keys: scores that can fill it, `protocol:variant:metric`; the one of most records is used. The paper's own
            definition comes first.
        printed: names of the score in the published rows; none if the paper does not print it.
    """

    keys: tuple[str, ...]
    printed: tuple[str, ...] = ()


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper.

    Args:
        number: its Roman number.
        title: what it shows.
        source: name of its source in the published rows.
        systems: its rows.
        measures: its columns.
    """

    number: str
    title: str
    source: str
    systems: tuple[System, ...]
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class PaperFigure:
    """A figure of the paper that shows systems side by side.

    Args:
        number: its number.
        title: what it shows.
        systems: its systems.
        measure: scores of these systems, for the line below the images; see `Measure.keys`.
    """

    number: int
    title: str
    systems: tuple[System, ...]
    measure: tuple[str, ...] = ()


PB_ONLY = System("PB Only", "drn-pb-only", ("DRN", "ablation: pose transfer branch only"))
TEXTURE64 = System("Texture64dim", "drn-tex64", ("DRN", "ablation: texture code of 64"))
PB_FIXED = System("PB Fixed", "drn-pb-fixed", ("DRN", "ablation: pose transfer branch fixed"))
END2END = System("End2end", "drn-end2end", ("DRN", "ablation: trained end to end"))
VUNET = System("UV-Net", "vunet", ("VUNet", "UV-Net in the paper"))
SPT = System("SPT", "spt", ("SPT", ""))
DSC = System("DSC", "dsc", ("DSC", "retrained"))
PATN = System("PATN", "patn", ("PATN", "retrained"))
COARSE = System("Ours Coarse", "drn-coarse", ("DRN", "coarse"))
NO_FACE = System("Ours (w/o face)", "drn-no-face", ("DRN", "without the face module"))
FULL = System("Ours Full", "drn", ("DRN", "full"))
REAL = System("Real Images", "real", ("Real images", ""))

_LPIPS = ("lpips:alex-0.1:lpips", "lpips:vgg-0.1:lpips", "lpips:alex-0.0:lpips")
PERCEPTUAL = (
    Measure(("ssim:patn:ssim", "ssim:canonical:ssim"), ("ssim:patn:ssim", "ssim:unknown:ssim")),
    Measure(
        ("is:drn:is", "is:canonical:is", "is-effnet-lite0:canonical:is-effnet-lite0"), ("is:drn:is", "is:unknown:is")
    ),
    Measure(("fid:drn:fid", "fid:canonical:fid", "fd-effnet-lite0:canonical:fd-effnet-lite0"), ("fid:drn:fid",)),
    Measure(_LPIPS, ("lpips:unknown:lpips",)),
)
_FACES = tuple(
    Measure((f"face-id:canonical:{metric}",), (f"face-id:unknown:{metric}",))
    for metric in ("face-id", "acc@0.6", "acc@0.7")
)
_RECALLS = ("retrieval@3", "retrieval@5", "retrieval")
_PAPER_KEYS = [f"retrieval:paper-{name}:{k}" for name in ("resnet50", "vgg16") for k in _RECALLS]
_RETRIEVAL = (
    *(Measure((key,), (key,)) for key in _PAPER_KEYS),
    *(Measure((f"retrieval:unique-efficientnet-lite0:{k}",)) for k in _RECALLS),
)
GALLERIES = tuple(
    f"retrieval:{way}-{name}:retrieval"
    for way in ("unique", "paper")
    for name in ("resnet50", "vgg16", "efficientnet-lite0")
)
_GENDER = (Measure(("gender-bias:canonical:gender-bias",), ("gender-bias:unknown:gender-bias",)),)

_PAIR = "DRN, Tables II and III"
TABLES = (
    PaperTable("II", "ablation study", _PAIR, (PB_ONLY, TEXTURE64, PB_FIXED, END2END, FULL), PERCEPTUAL),
    PaperTable("III", "systems, perceptual", _PAIR, (VUNET, SPT, DSC, PATN, COARSE, FULL), PERCEPTUAL),
    PaperTable("IV", "identity of faces", "DRN, Table IV", (DSC, PATN, NO_FACE, FULL), _FACES),
    PaperTable(
        "V", "retrieval of the same item", "DRN, Table V",
        (PATN, DSC, PB_ONLY, PB_FIXED, TEXTURE64, END2END, FULL, REAL), _RETRIEVAL,
    ),
    PaperTable("VI", "gender error", "DRN, Table VI", (DSC, PATN, FULL), _GENDER),
)  # fmt: skip

CURVES = tuple(f"kec:canonical:{part}" for part in ("body", "face", "hands"))

FIGURES = (
    PaperFigure(5, "systems side by side", (VUNET, SPT, DSC, PATN, COARSE, FULL), _LPIPS),
    PaperFigure(6, "ablations side by side", (PB_ONLY, TEXTURE64, PB_FIXED, END2END, FULL), _LPIPS),
    PaperFigure(7, "keypoint error curves", (PB_ONLY, TEXTURE64, PB_FIXED, END2END, FULL)),
    PaperFigure(8, "faces", (DSC, PATN, NO_FACE, FULL), ("face-id:canonical:face-id",)),
    PaperFigure(9, "what each image retrieves", (DSC, PATN, FULL, REAL), GALLERIES),
    PaperFigure(10, "guidance map", (FULL,)),
)
