"""The toy world of `lab.simulation` behind the lab's real SMTP, DNS and HTTP servers, at the lab's clock."""
