"""What is looked at while it is taken: pictures, images over PVAccess and for SAMP clients such as DS9."""
