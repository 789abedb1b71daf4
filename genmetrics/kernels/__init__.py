"""The pairwise engines: what is computed over all pairs of two feature sets, never holding n x m numbers."""
