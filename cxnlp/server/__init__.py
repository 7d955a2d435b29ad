"""REST and a page over the library: ``cxnlp serve`` (extra ``serve``).

Import what is needed from the modules; `cxnlp.server.app.create_app` makes the application.
"""
