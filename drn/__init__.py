"""The Detail Replenishing Network of Yang et al., "Towards Fine-grained Human Pose Transfer with Detail Replenishing
Network" (Section IV): networks and losses, with the names and symbols of the paper."""
