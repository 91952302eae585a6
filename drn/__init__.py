"""The Detail Replenishing Network of Yang et al., "Towards Fine-grained Human Pose Transfer with Detail Replenishing
Network" (Section IV): its networks and losses, named after the paper's symbols."""
