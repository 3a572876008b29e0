"""Simulated hardware: the SDSU controller's DSPs, the detector, the scene in front of it, and its faults."""
