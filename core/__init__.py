"""The words everybody says: addresses, rates, readings, leases, reasons, the clock, errors. No I/O."""
