"""Images and people: names, pair lists, poses and pixels."""
