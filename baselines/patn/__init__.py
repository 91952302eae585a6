"""Progressive Pose Attention Transfer (PATN, Zhu et al. 2019); other networks use its building blocks as well."""
