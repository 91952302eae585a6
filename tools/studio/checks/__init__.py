"""What detectors made for photographs see in the rendered images, held against the ground truth."""
