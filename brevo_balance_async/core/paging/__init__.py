"""The walk through a listing that may change meanwhile: what is asked for next, and which rows are new.

Begin with ``walk.Walk.feed``. Three questions that bring a reader here:

- Where is a gap found? In ``frontier``: ``ByKey.join`` and ``ById.join`` return None for a page that may leave one.
  Its rows are not used, and ``plan.Planner.gap`` chooses where to ask again.
- Where does a walk end? In ``end.End.reached`` for a page of rows that joins; in ``walk.Walk`` for an answer without
  rows: ``_peeked`` where it was asked for behind the last row, ``_begins`` where it is the first.
- What happens on a 422? ``readahead.ReadAhead`` catches it, ``plan.PageSize.refused`` lowers the limit, and the page
  is asked for again. Where no smaller limit is left to try, the error is raised.
"""
