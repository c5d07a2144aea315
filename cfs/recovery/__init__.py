"""Recovery of a stack's state: adopts resources that were not recorded, and guards refreshes against losses."""
