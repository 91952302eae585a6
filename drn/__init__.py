"""The Detail Replenishing Network. Nothing is built yet: its issue comes after the protocols."""
