"""Watches the reputation of every source IP: readings, detection, incidents, mails."""
