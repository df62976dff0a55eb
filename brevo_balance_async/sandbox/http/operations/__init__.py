"""The 18 operations of the Balance API, and publishing a program: from what was asked to what is answered."""
