"""DNS lists at fleet size: Tidegate's rounds against pydnsbl's bulk_check and dnsperf, on one rbldnsd."""
