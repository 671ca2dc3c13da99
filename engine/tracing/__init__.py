"""Lets people see SMTP conversations as they happen. A connection that nobody sees pays nothing."""
