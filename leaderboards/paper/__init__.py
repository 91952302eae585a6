"""The tables and figures of the paper that this toolkit follows: Yang et al., arXiv:2005.12494, Section V."""
