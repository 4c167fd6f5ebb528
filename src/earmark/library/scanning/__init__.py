"""Bring a library up to date with folders, once (`scan.scan`) or as they change (`watch.watch`).

The steps of a scan, one file each: `listing` finds the tracks of the folders (`exclude` has what is left out,
`cue` splits one long file into its tracks), `plan` compares them with what the library knows, `work` is what
a worker does with one track, `away` marks what has vanished, `summary` counts what was done.

`scan`, `ScanSummary` and `watch` are public as names of `earmark.library`. Nothing is imported here: a
function `scan` of this package would hide its module of the same name.
"""
