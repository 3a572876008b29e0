"""Frames on their way to file and display: ring, FITS, data server, spool, quick look."""
