"""The relay benchmark: smtp-source through Tidegate, or a mail server that people run, into smtp-sink."""
