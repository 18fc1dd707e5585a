"""Live: a camera in, the subject over another background out, frame by frame."""
