"""The text of a problem for tests of strategies: seven reports, two columns."""

from __future__ import annotations

SEVEN_REPORTS_TOML = """
[problem]
title = "Test"
description = "A test."
model = "model.keras"
[strategy]
{strategy}
[rounds]
rounds = 3
goal_count = 7
minimum_reports = 7
selection_timeout_s = 10.0
reporting_deadline_s = 10.0
[training]
local_epochs = 1
batch_size = 8
[data]
kind = "table"
minimum_examples = 2
[[data.columns]]
name = "x"
type = "number"
minimum = 0.0
maximum = 1.0
[[data.columns]]
name = "y"
type = "boolean"
target = true
"""
