"""`--report DIR`: what a run showed, as a page, JSON, JUnit XML and Markdown, and to the CI system.

`builder` listens to the session, `document` is what it has heard, the other modules write it.
"""
