"""Asking the sources: DNS lists, Sender Score, SNDS. They produce readings; they neither store nor detect."""
