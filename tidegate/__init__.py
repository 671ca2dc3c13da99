"""The front door: command line, configuration, wiring, scheduler jobs, supervisor. Knows everybody."""
