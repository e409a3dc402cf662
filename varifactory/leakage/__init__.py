"""No test image among training or validation images: as a file, in pixels, turned or cut."""
