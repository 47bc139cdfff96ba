"""From what was seen to the broker: messages, states, an outbox for what has to wait, one connection."""
