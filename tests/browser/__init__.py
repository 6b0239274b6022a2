"""The console in Debian's Chromium, against PostgreSQL."""
