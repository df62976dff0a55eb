"""The walk through a listing that may change meanwhile: what is asked for next, and which rows are new.

Begin with ``walk.Walk.feed``. Three questions that bring a reader here:

- Where is a gap found? In ``frontier``: ``ByKey.join`` and ``ById.join`` return None for a page that may leave one.
  Its rows are not used. ``plan.Planner.gap`` then tries another meaning of offset, or chooses how far back to ask.
- Where does a walk end? In ``end.End.reached`` for a page that joins; in ``walk.Walk._peeked`` for an empty answer
  behind the last row; in ``walk.Walk._begins`` where the listing ends before the walk begins. It ends with an error in
  ``walk.Walk._idled`` where nothing brings it on, and in ``end.End.complaint`` where the rows cannot be all.
- What happens on a 422, or a 400 with code ``out_of_range``? ``readahead.ReadAhead`` catches it and drops what was
  fetched ahead, ``plan.PageSize.refused`` lowers the limit to the largest that was answered or to the documented
  default, and the next request is planned anew. Where neither is smaller, the error is raised.
"""
