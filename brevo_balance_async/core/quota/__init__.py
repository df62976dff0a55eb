"""The account's quota: ``headers`` reads an answer, ``window`` keeps what is known, ``gate`` decides who may go.

``pause`` is what 429s ask for, ``pace`` the spread of those who wait as long as it takes.
"""
