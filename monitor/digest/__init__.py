"""The weekly digest: one view, shown as HTML, text and JSON."""
