"""The clothes: outfits, shoes, and the fabrics that suit them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import colours, fabrics, prints
from .fabrics import Fabric
from .geometry import Array

UPPER_FABRICS = {
    "plain": 3,
    "stripes": 3,
    "checks": 2,
    "floral": 2,
    "dots": 1.5,
    "marl": 1.5,
    "knit": 1.2,
    "zigzag": 0.8,
    "argyle": 0.6,
    "ombre": 0.8,
    "brushed": 0.8,
    "camouflage": 0.3,
}
SHIRT_FABRICS = {
    "plain": 2,
    "checks": 3,
    "stripes": 1,
    "pinstripes": 2.5,
    "floral": 1.5,
    "dots": 1,
    "denim": 1,
    "brushed": 0.8,
}
JACKET_FABRICS = {
    "plain": 3,
    "denim": 2,
    "checks": 1.5,
    "camouflage": 0.7,
    "knit": 1,
    "corduroy": 1.5,
    "herringbone": 1.5,
}
LOWER_FABRICS = {
    "plain": 3,
    "denim": 4,
    "marl": 1.2,
    "corduroy": 1.5,
    "herringbone": 0.6,
    "pinstripes": 0.6,
    "checks": 0.5,
    "camouflage": 0.4,
}
QUIET = ("plain", "denim", "marl", "corduroy")  # kinds for the lower garment under a patterned upper one
TIE_FABRICS = {"plain": 2.0, "stripes": 1.0, "dots": 1.0, "pinstripes": 1.0}
PRINT_GROUNDS = ("plain", "marl", "knit")


@dataclass(frozen=True)
class Outfit:
    """A set of garments, with DeepFashion's category of the upper one."""

    women: str = ""  # category if a woman wears it; empty: not for women
    men: str = ""
    upper: tuple[str, ...] = tuple(UPPER_FABRICS)
    lower: tuple[str, ...] = tuple(LOWER_FABRICS)
    closed_front: bool = False  # may have a print on the chest
    over_top: bool = False  # the lower garment is worn over the upper one
    narrow_steps: bool = False  # a skirt; it is skinned to the legs, and long strides would stretch it
    suit: bool = False  # jacket and trousers of the same plain fabric
    inner: tuple[int, ...] = ()  # sewing-pattern islands of the shirt under a jacket
    tie: tuple[int, ...] = ()  # the islands of `inner` that include a tie


OUTFITS = {
    "female_casualsuit01": Outfit(women="Tees_Tanks", closed_front=True),
    "female_casualsuit02": Outfit(women="Tees_Tanks", closed_front=True),
    "female_elegantsuit01": Outfit(women="Blouses_Shirts", upper=tuple(SHIRT_FABRICS), narrow_steps=True),
    "female_sportsuit01": Outfit(women="Tees_Tanks", lower=("plain", "marl")),
    "male_casualsuit01": Outfit(men="Sweatshirts_Hoodies", upper=("plain", "marl", "knit", "stripes")),
    "male_casualsuit02": Outfit(women="Blouses_Shirts", men="Shirts_Polos", closed_front=True),
    "male_casualsuit03": Outfit(women="Jackets_Coats", men="Jackets_Vests", upper=tuple(JACKET_FABRICS)),
    "male_casualsuit04": Outfit(women="Tees_Tanks", men="Tees_Tanks", closed_front=True),
    "male_casualsuit05": Outfit(men="Jackets_Vests", upper=tuple(JACKET_FABRICS), inner=(15, 16, 17, 18)),
    "male_casualsuit06": Outfit(women="Tees_Tanks", men="Tees_Tanks", closed_front=True),
    "male_elegantsuit01": Outfit(
        men="Suiting", upper=("plain", "marl", "pinstripes", "herringbone"), suit=True, inner=(3, 6), tie=(3,)
    ),
    "male_worksuit01": Outfit(men="Tees_Tanks", lower=("denim", "plain"), over_top=True),
}
COLOUR_DISTANCE = 0.25  # smallest distance between the mean colours of two fabrics
SHIRT_LIGHTNESS = 0.6  # a shirt under a suit is light
TRIES = 400
SHOES = tuple(f"shoes{number:02d}" for number in range(1, 7))
LEATHERS = ("#17171a", "#e9e7e2", "#3f281b", "#76593c", "#232a3c", "#5d2027")
SOCKS = ("#efeeea", "#1d1d20", "#7d7e82")


@dataclass
class Clothes:
    outfit: str
    upper: Fabric
    lower: Fabric
    inner: Fabric
    tie: Fabric
    print: Array | None
    shoes: str
    leather: Array
    socks: Array


def category(outfit: str, gender: str, printed: bool) -> str:
    chosen = OUTFITS[outfit].women if gender == "WOMEN" else OUTFITS[outfit].men
    return "Graphic_Tees" if printed and gender == "WOMEN" and chosen == "Tees_Tanks" else chosen


def outfits_for(gender: str) -> list[str]:
    return [name for name, outfit in OUTFITS.items() if (outfit.women if gender == "WOMEN" else outfit.men)]


def dress(rng: np.random.Generator, outfit: str, shoes: str, allowed: Callable[[Fabric], bool]) -> Clothes:
    """Draw allowed fabrics for an outfit; only one garment is patterned, except in a suit."""
    cut = OUTFITS[outfit]
    upper = _weave(rng, _shares(cut.upper, UPPER_FABRICS), 1.0 if cut.suit else 0.35, allowed, [])
    quiet = tuple(kind for kind in cut.lower if kind in QUIET)
    lower_kinds = cut.lower if upper.kind in QUIET else quiet
    lower = upper if cut.suit else _weave(rng, _shares(lower_kinds, LOWER_FABRICS), 0.75, allowed, [upper])
    inner = _weave(rng, {"plain": 1.0}, 0.9, allowed, [upper, lower], SHIRT_LIGHTNESS if cut.suit else 0.0)
    printable = cut.closed_front and upper.kind in PRINT_GROUNDS
    accents = [fabric.accent for fabric in (upper, lower)]
    leathers = [colours.parse(code) for code in LEATHERS]
    leathers = [leather for leather in leathers if not any(colours.clash(leather, accent) for accent in accents)]
    return Clothes(
        outfit=outfit,
        upper=upper,
        lower=lower,
        inner=inner,
        tie=_weave(rng, TIE_FABRICS, 0.15, allowed, [inner, upper]) if cut.tie else inner,
        print=prints.draw(rng, upper.mean, lower.accent) if printable and rng.random() < 0.65 else None,
        shoes=shoes,
        leather=leathers[int(rng.integers(len(leathers)))],
        socks=colours.parse(str(rng.choice(SOCKS))),
    )


def _weave(
    rng: np.random.Generator,
    kinds: dict[str, float],
    neutral_share: float,
    allowed: Callable[[Fabric], bool],
    others: list[Fabric],
    lightest: float = 0.0,
) -> Fabric:
    """Draw an allowed fabric that differs from the other fabrics in mean colour and does not clash with their hues.

    After half of the tries the difference and `lightest` are no longer required.
    """
    for attempt in range(TRIES):
        fabric = fabrics.weave(_draw_kind(rng, kinds), rng, neutral_share)
        if not allowed(fabric) or any(colours.clash(fabric.accent, other.accent) for other in others):
            continue
        distance = min((float(np.linalg.norm(fabric.mean - other.mean)) for other in others), default=1.0)
        if attempt > TRIES // 2 or (distance > COLOUR_DISTANCE and colours.lightness(fabric.mean) > lightest):
            return fabric
    raise RuntimeError(f"no fabric of {list(kinds)} found")


def _shares(kinds: tuple[str, ...], table: dict[str, float]) -> dict[str, float]:
    return {kind: table.get(kind, 1.0) for kind in kinds}


def _draw_kind(rng: np.random.Generator, shares: dict[str, float]) -> str:
    share = np.array(list(shares.values()))
    return str(rng.choice(list(shares), p=share / share.sum()))
