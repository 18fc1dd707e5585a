"""Other methods, each in its own environment, behind one small adapter each."""
