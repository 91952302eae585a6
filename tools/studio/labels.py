"""The nine parsing classes of SPT (semantic parsing transformation), and the class of bare skin by bone."""

CLASSES = ("background", "hair", "upper", "lower", "shoes", "face", "arms", "legs", "neck")
LABEL = {name: number for number, name in enumerate(CLASSES)}
BONES = {
    "arms": ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
    "legs": ("upperleg", "lowerleg", "foot", "toe"),
    "neck": ("root", "pelvis", "spine", "breast", "clavicle", "shoulder", "neck"),
}


def skin_label(bone: str) -> int:
    for name, prefixes in BONES.items():
        if bone.startswith(prefixes):
            return LABEL[name]
    return LABEL["face"]
