"""The walk through a listing that may change meanwhile: what is asked for next, and which rows are new."""
