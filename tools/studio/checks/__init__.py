"""Results of detectors made for photographs on the rendered images, compared with the ground truth."""
