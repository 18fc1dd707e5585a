"""Turn any background into a green screen."""
