"""Many photos: which are to be painted and where to, and painting them, on this machine or on a cluster."""
