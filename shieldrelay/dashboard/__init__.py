"""The dashboard: the one page application that a node serves to browsers, as static files beside this module.

`pages` gives the files; the administration over TCP serves them (``admin.web``). Everything that a page shows or does
goes through the API, under the rights of whoever has logged in: the files hold no secret and know no node.
"""
