"""The catalogues that the monitor ships."""
