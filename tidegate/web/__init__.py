"""The watch process over HTTP: where other monitors post their alerts."""
