"""Session continuity: records, their layout, and the decisions about them."""
