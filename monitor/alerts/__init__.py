"""Alerts of other monitors, taken as evidence: what they say, about which of our IPs, until when."""
