"""The web monitor in Debian's Chromium."""
