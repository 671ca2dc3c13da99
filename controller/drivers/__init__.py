"""Engines that the controller can hold leases in."""
