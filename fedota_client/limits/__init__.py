"""When and how much this machine works: hours, power, memory, bandwidth, a pause file."""
