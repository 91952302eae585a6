"""Choose gender, outfit, hair and fabrics of every person of both splits.

A person depends only on the seed, the split and the person's number. A larger benchmark therefore contains the people
of a smaller one.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from . import people, wardrobe
from .body import RACES, BodyModel
from .hairdos import hairdos_for
from .names import image_name
from .people import Person
from .wardrobe import Clothes

SPLITS = ("train", "test")
ITEM_BASE = {"train": 0, "test": 50_000}  # item ids are unique over both splits
TRAIN_CYCLE, TRAIN_MEN = 20, (3, 9, 16)  # 3 men to 17 women, as in DeepFashion
TEST_SHARE = 4  # one fabric in four belongs to the test split
WOMAN, MAN = "WOMEN", "MEN"


@dataclass(frozen=True)
class Role:
    """The drawn attributes of one person."""

    split: str
    index: int
    seed: int
    gender: str
    race: str
    outfit: str
    shoes: str
    hair: str

    @property
    def item(self) -> int:
        return ITEM_BASE[self.split] + self.index + 1

    @property
    def identifier(self) -> str:
        return f"{self.split}-{self.index:04d}"


def cast(seed: int, split: str, count: int) -> list[Role]:
    if count >= ITEM_BASE["test"]:
        raise ValueError(f"at most {ITEM_BASE['test'] - 1} people fit in a split")
    roles = []
    seen = {WOMAN: 0, MAN: 0}
    for index in range(count):
        gender = _gender(split, index)
        key = [seed, SPLITS.index(split), gender == MAN]
        turn = seen[gender]
        seen[gender] += 1
        roles.append(
            Role(
                split=split,
                index=index,
                seed=int(np.random.SeedSequence([*key, turn]).generate_state(1)[0]),
                gender=gender,
                race=_deal([*RACES, RACES[0]], [*key, 1], turn),
                outfit=_deal(wardrobe.outfits_for(gender), [*key, 2], turn),
                shoes=_deal(list(wardrobe.SHOES), [*key, 3], turn),
                hair=_deal(hairdos_for(gender), [*key, 4], turn),
            )
        )
    return roles


def make_person(role: Role, model: BodyModel) -> Person:
    return people.draw(model, role.seed, role.gender, role.race, role.hair, make_clothes(role))


def make_clothes(role: Role) -> Clothes:
    """All fabrics belong to the split of the role."""
    rng = np.random.default_rng([role.seed, 11])
    return wardrobe.dress(rng, role.outfit, role.shoes, lambda fabric: split_of_fabric(fabric.signature) == role.split)


def split_of_fabric(signature: str) -> str:
    """The split of a fabric, from a hash of its signature: the same for every person, without a stored list."""
    number = int.from_bytes(hashlib.sha256(signature.encode()).digest()[:4], "big")
    return "test" if number % TEST_SHARE == 0 else "train"


def role_image(role: Role, printed: bool, view: str) -> str:
    return image_name(role.gender, wardrobe.category(role.outfit, role.gender, printed), role.item, view)


def _gender(split: str, index: int) -> str:
    if split == "test":
        return MAN if index % 2 else WOMAN
    return MAN if index % TRAIN_CYCLE in TRAIN_MEN else WOMAN


def _deal(cards: list[str], key: list[int], turn: int) -> str:
    """Draw from a shuffled list: every entry is drawn once before any entry is drawn again."""
    pack = np.random.default_rng([*key, turn // len(cards)]).permutation(len(cards))
    return cards[pack[turn % len(cards)]]
