"""How a screen is estimated and solved for; see keying.py."""
