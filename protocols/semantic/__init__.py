"""Who is in the picture: protocols that compare faces, clothes and attributes."""

from protocols.semantic.face_identity import face_identity

__all__ = ["face_identity"]
