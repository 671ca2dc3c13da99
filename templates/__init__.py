"""What people read: mail and web pages (Jinja2). Data only."""
