"""Pages: axes, tables and statements become a report in a folder."""
