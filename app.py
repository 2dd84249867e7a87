"""The econsim app.  Start it with ``econsim app`` or ``streamlit run app.py``."""

# Child processes of a run import this file under another name; only Streamlit gets the pages.
if __name__ == "__main__":
    from econsim.app.views import main

    main()
