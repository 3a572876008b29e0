"""Screens for Phoebus: pages made from the record database, and the check that they and the records fit."""
