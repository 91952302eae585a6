"""The studio: renders people in procedural clothes, with exact ground truth, laid out as DeepFashion In-shop is."""
