"""A model of the holder's own: tuned, compared, chosen and reported on this machine alone."""
