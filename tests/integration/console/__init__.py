"""The console: pages, API and rules of review on both databases."""
