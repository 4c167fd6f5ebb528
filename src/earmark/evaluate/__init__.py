"""How good a model is, with intervals that resample artists, and where it fails."""
