"""The configuration file: read with suspicion, explained in sentences, frozen when it leaves here."""
