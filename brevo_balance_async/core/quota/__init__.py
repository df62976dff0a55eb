"""The account's quota: ``headers`` parses an answer, ``window`` holds what is known, ``gate`` is the queue of calls.

``pause`` is the wait that 429s ask for, ``pace`` spreads the requests of bulk calls over the window, and ``turns``
lets a crowd of calls come to the gate in slices.
"""
