"""Mail that waits: recipients in `domain/vmta` queues, and what a person wants to know of each queue."""
