"""Who is in the picture: protocols that compare faces, clothes and attributes."""
