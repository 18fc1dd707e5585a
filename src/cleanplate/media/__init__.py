"""The only place that knows files: stills, video, cameras."""
