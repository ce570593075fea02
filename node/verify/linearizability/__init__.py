"""Whether what clients were told fits a single copy of the object, used by one after the other.

A history is linearizable when each operation can be given one moment between its invoke and its end
so that, in the order of these moments, every answer is right (Herlihy and Wing, 1990). The keys of
a history are objects of their own, so each is decided alone. For one key, the cheapest way first:

- `refuters`: what no order could explain, found in one pass, such as a value that nobody wrote;
- `zones`: for reads and writes of unique values, all there is to know (Gibbons and Korach, 1997);
- `witness`: the order of the log explains it; that proves it, and a failure proves nothing;
- `search`: the search of Wing and Gong with Lowe's memory, which decides all that it has time for.

Intervals are closed: what ends at the moment at which something else begins is concurrent with it.
"""
