"""How a plate is found on a frame, matched to it and followed; see plate.py, clip_plate.py."""
