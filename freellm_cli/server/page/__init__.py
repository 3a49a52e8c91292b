"""The page for people at `/`: its files, its data, and what it may change.

Nothing here is for programs: paths under `/page/` change with the page. `handlers` answers, `live` tells
open pages what has changed, `gate` keeps other web pages out.
"""
