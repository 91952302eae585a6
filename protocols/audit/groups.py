"""What kinds of damage have in common, and which are mild and which serious."""

from __future__ import annotations

# What is wrong with the image -> names of the kinds of damage.
GROUPS = {
    "image quality": ("blur", "jpeg", "noise", "brightness", "hue"),
    "position and shape": ("shift", "scale", "jitter"),
    "parts of the person": ("limb", "hand", "face-blur"),
    "identity": ("identity", "gender", "hair-colour"),
    "clothes": ("garment", "garment-colour", "pattern"),
    "background": ("background",),
    "another image": ("other-pose", "other-person"),
}
# Weak damage that a person hardly sees: (kind, strength from 1 to 5).
MILD = (
    ("blur", 1), ("jpeg", 1), ("jpeg", 2), ("noise", 1), ("noise", 2), ("brightness", 1), ("hue", 1), ("shift", 1),
    ("shift", 2), ("scale", 1), ("scale", 2),
)  # fmt: skip
# Damage that, at its strongest, shows another person, other clothes or another pose.
SERIOUS = ("identity", "gender", "garment", "limb", "other-pose", "other-person")
