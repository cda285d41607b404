"""Session continuity: sessions with participants and messages, for models with a budget."""
