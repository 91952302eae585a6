"""The variational U-Net (VUNet, "UV-Net" in the DRN paper): shape from a stick figure, appearance from latents."""
