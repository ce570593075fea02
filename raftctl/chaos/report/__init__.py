"""The report of a chaos run: one page of HTML that needs nothing else, neither network nor folder.

`reading` takes the files of a run's folder, and they alone; `page` puts the sections together.
What is drawn over time shares one axis, `timeline`: `rates`, `availability`, `lanes` and
`operations` each draw a track of it. `elements` makes HTML and SVG in which nothing that was read
can be anything but text.
"""
