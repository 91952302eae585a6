"""Deformable GANs (DSC): skip connections that move the ten body parts of the source to the target pose."""
