"""The studio in the browser, and the same as a server: needs the extra `studio`."""
