"""How the pages look: colours and fonts, and how Streamlit is set."""
