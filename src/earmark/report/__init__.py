"""Reports: one HTML file that needs nothing else, with tables, charts, pictures and sound.

A report is `page` over `Section`s, whose parts are made by the functions here. Everything that is not `Html`
is text and is escaped, so a label or a file name cannot break a page.

>>> from earmark.report import Section, page, table
>>> text = page("Rain", [Section("Days", [table(["day", "mm"], [["Monday", 3.5]])])])
"""

from earmark.report.charts import Bar, Line, bar_chart, line_chart, matrix_chart
from earmark.report.page import (
    Html,
    Section,
    audio,
    card,
    columns,
    encode_sound,
    facts,
    figure,
    fold,
    notice,
    page,
    save_page,
    table,
    text,
)

__all__ = [
    "Bar",
    "Html",
    "Line",
    "Section",
    "audio",
    "bar_chart",
    "card",
    "columns",
    "encode_sound",
    "facts",
    "figure",
    "fold",
    "line_chart",
    "matrix_chart",
    "notice",
    "page",
    "save_page",
    "table",
    "text",
]
