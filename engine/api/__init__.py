"""The control API: HTTP and JSON under /v1. Routes call one function each."""
