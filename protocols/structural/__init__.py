"""Where the limbs are: protocols that compare keypoints."""
