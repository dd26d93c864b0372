"""Readers of submitted files, one module for each format, registered in `ground_motion.readers.formats.registry`."""
