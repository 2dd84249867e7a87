"""The app: the headline from shipped results, and policies built, run and compared in a browser.

``app.py`` at the top of the project is what Streamlit runs; it calls
:func:`econsim.app.views.main`.  Nothing here computes an answer: a policy becomes the text of a
scenario file and takes the same path as ``econsim run``.
"""
