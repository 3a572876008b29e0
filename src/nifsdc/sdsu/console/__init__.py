"""The console of an engineer at a controller: what a line means, and what is done for it."""
