"""Training: needs torch (`pip install 'cleanplate[train]'`); nothing outside imports it."""
