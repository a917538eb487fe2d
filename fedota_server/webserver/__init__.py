"""What the platform knows and does for people: accounts, problems, memberships, supervision."""
