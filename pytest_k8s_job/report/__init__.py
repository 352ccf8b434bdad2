"""The report of `--report DIR`: page, JSON, JUnit, Markdown and CI annotations.

`builder` listens to the session, `document` is what it has heard, the other modules write it.
"""
