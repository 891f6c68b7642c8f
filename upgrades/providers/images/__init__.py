"""What is in image files: read without root, without mounting, and within limits, whatever is in them."""
