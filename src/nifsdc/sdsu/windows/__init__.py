"""Window tables: which pixels of a CCD are read, and images from what arrives (INS-DAS-18 Annex A)."""

from nifsdc.sdsu.windows.geometry import CcdGeometry, Corner
from nifsdc.sdsu.windows.plan import Window, WindowError, WindowPlan
from nifsdc.sdsu.windows.table import TableRow, WindowTable

__all__ = ["CcdGeometry", "Corner", "TableRow", "Window", "WindowError", "WindowPlan", "WindowTable"]
