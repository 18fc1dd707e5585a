"""From files to files: stills, clips that can be resumed, and keying."""
