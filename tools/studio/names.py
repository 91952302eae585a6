"""File names of DeepFashion In-shop, in the form without separators."""

VIEW_DIGIT = {"front": 1, "side": 2, "back": 3, "full": 4, "additional": 7}
VARIANT = 1


def image_name(gender: str, category: str, item: int, view: str) -> str:
    return f"fashion{gender}{category}id{item:08d}{VARIANT:02d}_{VIEW_DIGIT[view]}{view}.jpg"
