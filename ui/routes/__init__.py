"""What is served beside Streamlit: signing in and out, uploads, downloads, the client's files."""
