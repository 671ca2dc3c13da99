"""One module a page: what is asked, who may ask, and which view is shown."""
