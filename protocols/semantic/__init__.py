"""Semantic protocols: they compare faces, garments and attributes of the person shown."""

from protocols.semantic.face_identity import face_identity
from protocols.semantic.gender_bias import gender_error
from protocols.semantic.retrieval import retrieval_recall

__all__ = ["face_identity", "gender_error", "retrieval_recall"]
