"""From what a client asks to what the engine is asked."""
