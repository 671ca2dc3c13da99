"""`tidegate doctor`: looks at everything that a running Tidegate leans on, and says what to mend and how."""
