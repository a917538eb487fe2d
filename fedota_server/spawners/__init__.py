"""What starts a problem's servers and the jobs that need another package."""
