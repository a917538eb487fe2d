"""What integration tests are made of: real processes, and people who misbehave on cue."""
